"""Who is let in, for how long, and who learns that somebody no longer is?"""

from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from carillon.registry.v1 import access_service_pb2 as pb
from carillon.registry.v1 import application_service_pb2 as app_pb
from carillon.registry.v1.access_pb2 import (
    CALLER_ROLE_BACK_END,
    CALLER_ROLE_CLIENT,
    CALLER_ROLE_MANAGER,
    CALLER_ROLE_READER,
    CALLER_ROLE_UNSPECIFIED,
    CALLER_ROLE_WRITER,
    SECRET_KIND_APP,
    SECRET_KIND_CLIENT,
    ApiKey,
    CallerRole,
    Credential,
    SecretKind,
    Verdict,
)
from carillon.registry.v1.application_pb2 import Application
from tests.registry.world import NOBODY, Stubs, fault_of

NOT_VALID = CALLER_ROLE_UNSPECIFIED


@dataclass
class Owner:
    """An application and what its creator was shown."""

    registry: Stubs
    app_id: str
    app_secret: str
    client_secret: str
    api_key: str
    key_id: str

    async def judge(self, *shown: Credential) -> list[Verdict]:
        request = pb.AuthenticateCallersRequest(credentials=shown)
        return list((await self.registry.access.AuthenticateCallers(request)).verdicts)

    async def roles(self, *shown: Credential) -> list[int]:
        return [verdict.role for verdict in await self.judge(*shown)]

    async def role_of(self, **shown: str) -> int:
        return (await self.roles(self.shows(**shown)))[0]

    def shows(self, **shown: str) -> Credential:
        return Credential(app_id=self.app_id, **shown)

    async def version(self) -> int:
        request = pb.ListAccessVersionsRequest(app_ids=[self.app_id])
        return (await self.registry.access.ListAccessVersions(request)).versions[self.app_id]

    async def rotate(
        self, kind: "SecretKind.ValueType" = SECRET_KIND_APP, seconds: int | None = None
    ) -> pb.RotateSecretResponse:
        overlap = None if seconds is None else Duration(seconds=seconds)
        return await self.registry.access.RotateSecret(
            pb.RotateSecretRequest(app_id=self.app_id, kind=kind, overlap=overlap)
        )

    async def make_key(
        self, role: "CallerRole.ValueType" = CALLER_ROLE_READER
    ) -> pb.CreateApiKeyResponse:
        request = pb.CreateApiKeyRequest(app_id=self.app_id, api_key=ApiKey(role=role))
        return await self.registry.access.CreateApiKey(request)

    async def revoke(self, key_id: str) -> None:
        request = pb.RevokeApiKeyRequest(app_id=self.app_id, key_id=key_id)
        await self.registry.access.RevokeApiKey(request)

    async def change(self, **changed: Any) -> None:
        request = app_pb.UpdateApplicationRequest(
            application=Application(app_id=self.app_id, **changed)
        )
        request.update_mask.paths.extend(changed)
        await self.registry.applications.UpdateApplication(request)


async def new_owner(registry: Stubs, **wanted: Any) -> Owner:
    made = await registry.applications.CreateApplication(app_pb.CreateApplicationRequest(**wanted))
    return Owner(
        registry,
        made.application.app_id,
        made.app_secret,
        made.client_secret,
        made.api_key_secret,
        made.api_key.key_id,
    )


@pytest.fixture
async def owner(registry: Stubs) -> Owner:
    return await new_owner(registry)


async def test_each_of_many_credentials_is_judged_on_its_own(registry: Stubs, owner: Owner) -> None:
    other = await new_owner(registry)

    roles = await owner.roles(
        owner.shows(app_secret=owner.app_secret),
        owner.shows(app_secret="wrong"),
        owner.shows(client_secret=owner.client_secret),
        owner.shows(client_secret=owner.app_secret),
        other.shows(app_secret=owner.app_secret),
        other.shows(app_secret=other.app_secret),
        Credential(api_key=owner.api_key),
        Credential(api_key=owner.api_key[:-1] + ("A" if owner.api_key[-1] != "A" else "B")),
        Credential(api_key="no key at all"),
        owner.shows(key_id=owner.key_id),
        other.shows(key_id=owner.key_id),
        owner.shows(),
    )

    assert roles == [
        CALLER_ROLE_BACK_END,
        NOT_VALID,
        CALLER_ROLE_CLIENT,
        NOT_VALID,
        NOT_VALID,
        CALLER_ROLE_BACK_END,
        CALLER_ROLE_MANAGER,
        NOT_VALID,
        NOT_VALID,
        CALLER_ROLE_MANAGER,
        NOT_VALID,
        NOT_VALID,
    ]


async def test_an_api_key_names_its_application(owner: Owner) -> None:
    [verdict] = await owner.judge(Credential(api_key=owner.api_key))

    assert (verdict.app_id, verdict.key_id) == (owner.app_id, owner.key_id)


async def test_an_unknown_application_is_told_by_its_absence(owner: Owner) -> None:
    [verdict] = await owner.judge(Credential(app_id=NOBODY, app_secret=owner.app_secret))

    assert verdict == Verdict()


async def test_a_verdict_tells_how_the_application_treats_its_callers(owner: Owner) -> None:
    [before] = await owner.judge(owner.shows())
    await owner.change(enabled=False, verify_client_secret=False, clients_list_devices=True)
    [after] = await owner.judge(owner.shows())

    told = [(v.enabled, v.verify_client_secret, v.clients_list_devices) for v in (before, after)]
    assert told == [(True, True, False), (False, False, True)]
    assert after.access_version > before.access_version


async def test_an_old_style_application_begins_without_verifying(registry: Stubs) -> None:
    old = await new_owner(registry, old_style=True)
    [verdict] = await old.judge(old.shows())

    assert not verdict.verify_client_secret


async def test_a_rotated_secret_and_its_heir_are_valid_for_a_day(owner: Owner) -> None:
    rotated = await owner.rotate()
    [old, new] = await owner.judge(
        owner.shows(app_secret=owner.app_secret), owner.shows(app_secret=rotated.secret)
    )

    assert old.role == new.role == CALLER_ROLE_BACK_END
    assert 86_000 < old.valid_for.seconds <= 86_400
    assert not new.HasField("valid_for")


async def test_an_overlap_of_zero_ends_all_others_at_once(owner: Owner) -> None:
    first = await owner.rotate(SECRET_KIND_CLIENT)
    second = await owner.rotate(SECRET_KIND_CLIENT, 0)

    assert await owner.roles(
        owner.shows(client_secret=owner.client_secret),
        owner.shows(client_secret=first.secret),
        owner.shows(client_secret=second.secret),
        owner.shows(app_secret=owner.app_secret),
    ) == [NOT_VALID, NOT_VALID, CALLER_ROLE_CLIENT, CALLER_ROLE_BACK_END]


async def test_a_later_rotation_prolongs_nothing(owner: Owner) -> None:
    await owner.rotate(seconds=60)
    await owner.rotate(seconds=3600)
    [oldest] = await owner.judge(owner.shows(app_secret=owner.app_secret))

    assert oldest.valid_for.seconds <= 60


async def test_of_more_than_ten_the_oldest_end(owner: Owner) -> None:
    secrets = [owner.app_secret]
    secrets += [(await owner.rotate()).secret for _ in range(10)]
    roles = await owner.roles(*(owner.shows(app_secret=secret) for secret in secrets))

    assert roles == [NOT_VALID, *[CALLER_ROLE_BACK_END] * 10]


@pytest.mark.parametrize("role", [CALLER_ROLE_READER, CALLER_ROLE_WRITER, CALLER_ROLE_MANAGER])
async def test_an_api_key_has_the_role_it_was_made_with(
    owner: Owner, role: "CallerRole.ValueType"
) -> None:
    made = await owner.make_key(role)

    assert await owner.roles(Credential(api_key=made.secret)) == [role]
    assert made.secret.isascii()


@pytest.mark.parametrize("role", [CALLER_ROLE_UNSPECIFIED, CALLER_ROLE_CLIENT, 99])
async def test_an_api_key_has_no_other_role(owner: Owner, role: Any) -> None:
    fault = await fault_of(owner.make_key(role))

    assert (fault.reason, fault.violations[0][0]) == ("FIELD_INVALID", "api_key.role")


async def test_a_revoked_key_is_not_valid_nor_listed_and_tokens_of_it_are_not(
    owner: Owner,
) -> None:
    made = await owner.make_key()
    await owner.revoke(made.api_key.key_id)
    again = await fault_of(owner.revoke(made.api_key.key_id))
    listed = await owner.registry.access.ListApiKeys(pb.ListApiKeysRequest(app_id=owner.app_id))

    assert [key.key_id for key in listed.api_keys] == [owner.key_id]
    assert again.reason == "API_KEY_NOT_FOUND"
    assert await owner.role_of(key_id=made.api_key.key_id) == NOT_VALID
    assert await owner.roles(Credential(api_key=made.secret)) == [NOT_VALID]


async def test_a_hundred_keys_are_enough(owner: Owner) -> None:
    for _ in range(99):
        await owner.make_key()
    fault = await fault_of(owner.make_key())

    assert (fault.reason, fault.facts) == ("API_KEYS_EXHAUSTED", {"limit": "100"})


async def test_every_change_of_access_is_told_by_the_version(owner: Owner) -> None:
    seen = [await owner.version()]
    made = await owner.make_key()
    for change in (
        owner.rotate(),
        owner.revoke(made.api_key.key_id),
        owner.change(enabled=False),
        owner.change(verify_client_secret=False),
        owner.change(clients_list_devices=True),
    ):
        await change
        seen.append(await owner.version())

    assert seen == sorted(set(seen))


async def test_a_deleted_application_has_no_version_and_no_callers(owner: Owner) -> None:
    await owner.registry.applications.DeleteApplication(
        app_pb.DeleteApplicationRequest(app_id=owner.app_id)
    )
    told = await owner.registry.access.ListAccessVersions(
        pb.ListAccessVersionsRequest(app_ids=[owner.app_id])
    )

    assert not told.versions
    assert await owner.judge(
        owner.shows(app_secret=owner.app_secret), Credential(api_key=owner.api_key)
    ) == [Verdict(), Verdict()]


async def test_what_changes_access_wants_an_application_that_exists(owner: Owner) -> None:
    nobody = Owner(owner.registry, NOBODY, "", "", "", "")
    faults = [
        await fault_of(call)
        for call in (
            nobody.rotate(),
            nobody.make_key(),
            nobody.revoke("key"),
            nobody.registry.access.ListApiKeys(pb.ListApiKeysRequest(app_id=NOBODY)),
        )
    ]

    assert {fault.reason for fault in faults} == {"APPLICATION_NOT_FOUND"}
    assert {fault.code for fault in faults} == {grpc.StatusCode.NOT_FOUND}


@pytest.mark.parametrize("count", [0, 501])
async def test_judging_is_done_in_batches_of_bounded_size(owner: Owner, count: int) -> None:
    fault = await fault_of(owner.judge(*[owner.shows()] * count))

    assert fault.violations[0] == ("credentials", f"must hold 1 to 500 entries, not {count}")
