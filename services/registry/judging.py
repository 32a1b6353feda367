"""Judges what callers show, many at once."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.registry.domain.callers import (
    SECRET_ROLES,
    Role,
    Shown,
    ShownKey,
    ShownNothing,
    ShownSecret,
    Verdict,
)
from services.registry.domain.secrets import Judge
from services.registry.store import access
from services.registry.store.access import Account

Keys = Mapping[tuple[UUID, str], tuple[Role, bytes]]


class Judging:
    def __init__(self, db: AsyncEngine, clock: Callable[[], datetime], judge: Judge) -> None:
        self._reads = db.execution_options(isolation_level="AUTOCOMMIT")
        self._clock = clock
        self._judge = judge

    async def judge(self, shown: Sequence[Shown]) -> list[Verdict]:
        """A verdict for each, in the same order."""
        app_ids = {one.app_id for one in shown}
        key_ids = {(one.app_id, one.key_id) for one in shown if isinstance(one, ShownKey)}
        async with self._reads.connect() as tx:
            # The versions first: a key that is revoked between the two statements is then judged
            # under a version that no longer is.
            accounts = await access.accounts(tx, app_ids)
            keys: Keys = await access.find_keys(tx, key_ids) if key_ids else {}
        now = self._clock()
        return [self._judge_one(one, accounts.get(one.app_id), keys, now) for one in shown]

    def _judge_one(
        self, shown: Shown, account: Account | None, keys: Keys, now: datetime
    ) -> Verdict:
        if account is None:
            return Verdict()
        match shown:
            case ShownSecret():
                return self._judge_secret(shown, account, now)
            case ShownKey():
                return self._judge_key(shown, account, keys)
            case ShownNothing():
                return Verdict(shown.app_id, account.rules)

    def _judge_secret(self, shown: ShownSecret, account: Account, now: datetime) -> Verdict:
        found = self._judge.find(shown.app_id, shown.kind, shown.text, account.secrets, now)
        if found is None:
            return Verdict(shown.app_id, account.rules)
        valid_for = found.expire_time - now if found.expire_time else None
        return Verdict(shown.app_id, account.rules, SECRET_ROLES[shown.kind], valid_for)

    def _judge_key(self, shown: ShownKey, account: Account, keys: Keys) -> Verdict:
        role, digest = keys.get((shown.app_id, shown.key_id), (None, b""))
        if role is None or (
            shown.text is not None and not self._judge.knows_key(shown.app_id, shown.text, digest)
        ):
            return Verdict(shown.app_id, account.rules)
        return Verdict(shown.app_id, account.rules, role, key_id=shown.key_id)
