import pytest

from limner.studio.rendering import environment, render_text
from limner.studio.texts import Texts, languages

SOURCE = (
    "{% from 'macros.html' import icon with context %}"
    "<a title=\"{{ t('Keep') }}\">{{ icon('star') }}{{ t('Sketch to render') }}</a>{{ t('{n} days', n=3) }}"
)


@pytest.mark.parametrize("texts", languages().values(), ids=languages())
def test_constant_parts_are_what_the_calls_would_have_made(texts: Texts) -> None:
    plain = environment(texts).from_string(SOURCE).render(assets="/studio/assets/1")

    assert render_text(SOURCE, texts, {"assets": "/studio/assets/1"}) == plain


def test_a_translation_cannot_bring_markup() -> None:
    texts = Texts("xx", {"Keep": "<b>keep</b>"})

    assert render_text("{{ t('Keep') }}", texts, {}) == "&lt;b&gt;keep&lt;/b&gt;"
