"""VPC's DescribeAddresses answers clients that ask it around a load balancer: there are no elastic addresses.

Source: documented (fields and limits); that the account has none is a property of the simulator.
"""

from simulator.cloud import Cloud, refused


async def test_no_address_is_found(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    filters = [{"Name": "instance-id", "Values": [lb]}]
    reply = await cloud.call("vpc", "DescribeAddresses", Filters=filters, Limit=100)
    assert (reply.TotalCount, reply.AddressSet) == (0, [])
    with refused("InvalidAddressId.NotFound"):
        await cloud.call("vpc", "DescribeAddresses", AddressIds=["eip-11112222"])
    with refused("InvalidParameterValue"):
        await cloud.call("vpc", "DescribeAddresses", Limit=101)
