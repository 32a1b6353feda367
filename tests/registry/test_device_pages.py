"""Does a walk through the devices meet each of them once, forwards and back?"""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from carillon.registry.v1 import device_service_pb2 as pb
from carillon.type.v1 import platform_pb2
from tests.registry.world import Stubs, fault_of

IOS, ANDROID = platform_pb2.PLATFORM_IOS, platform_pb2.PLATFORM_ANDROID
COUNT = 23
READING = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
QUERIES = some.sampled_from(
    [{}, {"platforms": [IOS]}, {"platforms": [IOS, ANDROID]}, {"user_id": "ada"}]
)


@dataclass(frozen=True, slots=True)
class Filled:
    registry: Stubs
    app: str

    async def page(self, **asked: object) -> pb.ListDevicesResponse:
        return await self.registry.devices.ListDevices(
            pb.ListDevicesRequest(app_id=self.app, **asked)  # type: ignore[arg-type]  # its fields
        )


@pytest.fixture
async def filled(registry: Stubs) -> Filled:
    app = await registry.new_app()
    for n in range(COUNT):
        platform = IOS if n % 3 == 0 else ANDROID
        await registry.register(app, f"d{n}", platform=platform, user_id="ada" if n % 2 else "")
    return Filled(registry, app)


def ids(page: pb.ListDevicesResponse) -> list[str]:
    return [device.device_id for device in page.devices]


@READING
@given(query=QUERIES, size=some.integers(1, COUNT + 2))
async def test_every_device_once_and_the_same_way_back(
    filled: Filled, query: dict[str, object], size: int
) -> None:
    whole = ids(await filled.page(**query))
    pages = [await filled.page(page_size=size, **query)]
    while pages[-1].next_page_token:
        token = pages[-1].next_page_token
        pages.append(await filled.page(page_size=size, page_token=token, **query))
    back: list[Sequence[str]] = [ids(pages[-1])]
    token = pages[-1].previous_page_token
    while token:
        page = await filled.page(page_size=size, page_token=token, **query)
        back.append(ids(page))
        token = page.previous_page_token

    assert [name for page in pages for name in ids(page)] == whole
    assert back[::-1] == [ids(page) for page in pages]
    assert pages[0].previous_page_token == ""


@READING
@given(size=some.integers(1, 10), skip=some.integers(1, COUNT))
async def test_from_a_skip_previous_leads_to_what_was_passed_over(
    filled: Filled, size: int, skip: int
) -> None:
    whole = ids(await filled.page())
    here = await filled.page(page_size=size, skip=skip)
    before = await filled.page(page_size=size, page_token=here.previous_page_token)

    assert ids(here) == whole[skip : skip + size]
    assert ids(before) == whole[max(skip - size, 0) : skip]


async def test_the_total_is_told_where_it_is_kept(filled: Filled) -> None:
    everything = await filled.page(page_size=1)
    apples = await filled.page(page_size=1, platforms=[IOS])
    of_user = await filled.page(page_size=1, user_id="ada")

    assert (everything.total_size, apples.total_size) == (COUNT, 8)
    assert not of_user.HasField("total_size")


async def test_a_token_opens_no_other_list(filled: Filled) -> None:
    token = (await filled.page(page_size=1)).next_page_token
    fault = await fault_of(filled.page(page_token=token, platforms=[IOS]))

    assert fault.reason == "PAGE_TOKEN_INVALID"


async def test_the_report_counts_days_and_devices(filled: Filled) -> None:
    request = pb.GetDeviceReportRequest(app_id=filled.app, days=2)
    report = await filled.registry.devices.GetDeviceReport(request)

    assert {each.platform: each.count for each in report.registrations} == {IOS: 8, ANDROID: 15}
    assert report.device_count == COUNT


@pytest.mark.parametrize("days", [0, -1, 367])
async def test_a_report_of_impossible_days_is_refused(filled: Filled, days: int) -> None:
    request = pb.GetDeviceReportRequest(app_id=filled.app, days=days)
    fault = await fault_of(filled.registry.devices.GetDeviceReport(request))

    assert (fault.reason, fault.violations[0][0]) == ("FIELD_INVALID", "days")


async def test_many_devices_are_read_at_once_without_dead_ones(filled: Filled) -> None:
    listed = (await filled.page()).devices
    asked = [device.uid for device in listed[:3]] + [10**12]
    request = pb.BatchGetDevicesRequest(app_id=filled.app, uids=asked)
    read = await filled.registry.devices.BatchGetDevices(request)

    assert [device.device_id for device in read.devices] == ["d0", "d1", "d2"]
    assert read.devices[0].address == listed[0].address
