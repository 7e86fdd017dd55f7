"""Which fields of a request are required, by the SDK's class name.

Pure. The Python SDK documents types and not this, so the names are written down here from the API
definitions (sections CLB v20180317, SSL v20191205, STS v20180813, Tag v20180813
and VPC v20170312). Used by `schema`.
"""

from collections.abc import Mapping
from typing import Final

CLB: Final[Mapping[str, tuple[str, ...]]] = {
    "BatchDeregisterTargetsRequest": ("LoadBalancerId", "Targets"),
    "BatchModifyTargetWeightRequest": ("LoadBalancerId", "ModifyList"),
    "BatchRegisterTargetsRequest": ("LoadBalancerId", "Targets"),
    "BatchTarget": ("ListenerId", "Port"),
    "CreateListenerRequest": ("LoadBalancerId", "Ports", "Protocol"),
    "CreateLoadBalancerRequest": ("LoadBalancerType",),
    "CreateRuleRequest": ("LoadBalancerId", "ListenerId", "Rules"),
    "DeleteListenerRequest": ("LoadBalancerId", "ListenerId"),
    "DeleteLoadBalancerListenersRequest": ("LoadBalancerId",),
    "DeleteLoadBalancerRequest": ("LoadBalancerIds",),
    "DeleteRuleRequest": ("LoadBalancerId", "ListenerId"),
    "DeregisterTargetsRequest": ("LoadBalancerId", "ListenerId", "Targets"),
    "DescribeListenersRequest": ("LoadBalancerId",),
    "DescribeLoadBalancerListByCertIdRequest": ("CertIds",),
    "DescribeTargetHealthRequest": ("LoadBalancerIds",),
    "DescribeTargetsRequest": ("LoadBalancerId",),
    "Filter": ("Name", "Values"),
    "ModifyDomainAttributesRequest": ("LoadBalancerId", "ListenerId", "Domain"),
    "ModifyDomainRequest": ("LoadBalancerId", "ListenerId", "Domain", "NewDomain"),
    "ModifyListenerRequest": ("LoadBalancerId", "ListenerId"),
    "ModifyLoadBalancerAttributesRequest": ("LoadBalancerId",),
    "ModifyRuleRequest": ("LoadBalancerId", "ListenerId", "LocationId"),
    "ModifyTargetWeightRequest": ("LoadBalancerId", "ListenerId", "Targets"),
    "MultiCertInfo": ("SSLMode", "CertList"),
    "RegisterTargetsRequest": ("LoadBalancerId", "ListenerId", "Targets"),
    "ReplaceCertForLoadBalancersRequest": ("OldCertificateId", "Certificate"),
    "RsWeightRule": ("ListenerId", "Targets"),
    "RuleInput": ("Url",),
    "SetLoadBalancerSecurityGroupsRequest": ("LoadBalancerId",),
    "TagInfo": ("TagKey", "TagValue"),
    "Target": ("Port",),
    "TargetRegionInfo": ("Region", "VpcId"),
}

SSL: Final[Mapping[str, tuple[str, ...]]] = {
    "CheckCertificateExistRequest": ("CertificatePublicKey",),
    "DeleteCertificateRequest": ("CertificateId",),
    "DeleteCertificatesRequest": ("CertificateIds",),
    "DescribeCertificateDetailRequest": ("CertificateId",),
    "DescribeCertificateRequest": ("CertificateId",),
    "DescribeDeleteCertificatesTaskResultRequest": ("TaskIds",),
    "ModifyCertificateAliasRequest": ("CertificateId",),
    "Tags": ("TagKey", "TagValue"),
    "UploadCertificateRequest": ("CertificatePublicKey",),
}

STS: Final[Mapping[str, tuple[str, ...]]] = {
    "AssumeRoleRequest": ("RoleArn", "RoleSessionName"),
    "AssumeRoleWithWebIdentityRequest": ("ProviderId", "WebIdentityToken", "RoleArn", "RoleSessionName"),
    "Tag": ("Key", "Value"),
}

VPC: Final[Mapping[str, tuple[str, ...]]] = {"Filter": ("Name", "Values")}

TAG: Final[Mapping[str, tuple[str, ...]]] = {
    "DescribeResourceTagsByResourceIdsRequest": (
        "ServiceType",
        "ResourcePrefix",
        "ResourceIds",
        "ResourceRegion",
    ),
    "ModifyResourceTagsRequest": ("Resource",),
    "Tag": ("TagKey", "TagValue"),
    "TagKeyObject": ("TagKey",),
    "TagResourcesRequest": ("ResourceList", "Tags"),
    "UnTagResourcesRequest": ("ResourceList", "TagKeys"),
}
