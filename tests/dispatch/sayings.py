"""Contents of every kind, each within its limits, drawn at random."""

from hypothesis import strategies as some

from services.dispatch.domain import content as said
from services.dispatch.domain.channels import COLOURS

words = some.text(some.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)
some_words = words.filter(bool)
several = some.lists(words, max_size=3).map(tuple)
payloads = some.sampled_from(["", "{}", '{"a":1}', '"plain"'])
counts = some.none() | some.integers(0, 2**31 - 1)
shares = some.none() | some.floats(0, 1)
lifetimes = some.none() | some.integers(0, said.MAX_TIME_TO_LIVE)
loud = some.builds(said.CriticalSound, name=some_words, volume=some.floats(0, 1))
apples = some.builds(
    said.AppleOptions,
    title=words,
    subtitle=words,
    payload=payloads,
    presentation=some.sampled_from(said.Presentation),
    badge=counts,
    action_key=words,
    category=words,
    title_loc_key=words,
    title_loc_args=several,
    loc_key=words,
    loc_args=several,
    launch_image=words,
    attachment_url=words,
    collapse_id=some.from_regex(r"[ -~]{0,64}", fullmatch=True),
    thread_id=words,
    summary_arg=words,
    summary_arg_count=counts,
    interruption_level=some.none() | some.sampled_from(said.InterruptionLevel),
    relevance_score=shares,
    priority=some.sampled_from([None, 1, 5, 10]),
    time_to_live=lifetimes,
    sound=some.just(""),
    critical_sound=some.none() | loud,
)
blinks = some.integers(0, 3_600_000)
lights = some.builds(
    said.Lights, some.sampled_from(["", *(name.lower() for name in COLOURS)]), blinks, blinks
)
styles = (
    some.builds(said.Style, some.just(said.StyleKind.PICTURE), some_words, url=some_words)
    | some.builds(said.Style, some.just(said.StyleKind.BIG_TEXT), some_words, text=some_words)
    | some.builds(
        said.Style, some.just(said.StyleKind.INBOX), some_words, lines=several.filter(bool)
    )
)
androids = some.builds(
    said.AndroidOptions,
    title=words,
    payload=payloads,
    presentation=some.sampled_from([said.Presentation.ALERT, said.Presentation.SILENT]),
    priority=some.none() | some.sampled_from(said.AndroidPriority),
    sound=some.none() | words,
    icon=words,
    category=words,
    visibility=some.none() | some.sampled_from(said.Visibility),
    redact=words,
    group_id=words,
    lights=some.none() | lights,
    style=some.none() | styles,
    bridge=some.booleans(),
    sync=some.booleans(),
    collapse_key=words,
    time_to_live=lifetimes,
)
webs = some.builds(
    said.WebOptions,
    title=words,
    payload=payloads,
    icon_url=words,
    urgency=some.none() | some.sampled_from(said.Urgency),
    topic=some.from_regex(r"[A-Za-z0-9_-]{0,32}", fullmatch=True),
    time_to_live=lifetimes,
)
safaris = some.builds(said.SafariOptions, title=words, action=words, url_args=several, web=webs)
apps = some.builds(
    said.ChromeAppOptions,
    title=words,
    payload=payloads,
    icon_url=words,
    collapse_key=words,
    time_to_live=lifetimes,
)
contents = some.builds(
    said.Content,
    alert=some_words,
    url=words,
    apple=apples,
    android=androids,
    chrome=webs,
    firefox=webs,
    safari=safaris,
    chrome_app=apps,
    channel=some.none(),
    dismisses=some.just(""),
    spared_uids=some.just(()),
)
