from limner.domain.ids import TaskId
from limner.storage.signed_links import SignedLinks
from limner.studio.local_links import LocalLinks

SIGNED = SignedLinks(b"secret", "https://example.org/images", 3600)
TASK = TaskId("00000000-0000-7000-8000-000000000000")


def test_a_page_s_links_have_no_host_and_are_those_of_the_api_otherwise() -> None:
    links = LocalLinks(SIGNED)

    pairs = [
        (links.picture("tag", TASK, "png", 0, name="x"), SIGNED.picture("tag", TASK, "png", 0, name="x")),
        (links.thumbnail(TASK, 0, side=640), SIGNED.thumbnail(TASK, 0, side=640)),
    ]
    assert [signed for _, signed in pairs] == [f"https://example.org{local}" for local, _ in pairs]
    assert all(local.startswith("/images/") for local, _ in pairs)
