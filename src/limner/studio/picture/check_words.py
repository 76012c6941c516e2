"""What is known of a picture that somebody brought, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from limner.application.provenance.detect import Detected
from limner.domain.digital_source import DigitalSource
from limner.ports.provenance import ManifestState
from limner.studio.texts import Texts


@dataclass(frozen=True, slots=True)
class CheckWords:
    t: Texts
    found: Detected

    @property
    def verdict(self) -> str:
        t = self.t
        if self.found.tasks:
            return t("Made here, by a task of yours.")
        if self.found.alike and not self.found.made_here:
            return t("Looks like a picture that was made here.")
        return t("Made here.") if self.found.made_here else t("Not known here.")

    @property
    def reason(self) -> str:
        t = self.t
        if self.found.ours:
            return t("The file is a picture of this server, as it was delivered or as it was stored.")
        if self.found.made_here:
            return t("It has a signature of this server, and was not changed since.")
        if self.found.alike:
            return t("It is not the same file: it was scaled or saved anew, or its metadata was removed.")
        return t("It is no picture of this server, by its bytes or by its look. A cropped copy is not known.")

    @property
    def file(self) -> str:
        seen = self.found.picture
        return f"{seen.media_type}, {seen.width} × {seen.height}, {seen.size:,} bytes"

    @property
    def says(self) -> str:
        """How it was made, as the marks in the file say."""
        t, said = self.t, self.found.marks.source
        words: dict[str, str] = {
            DigitalSource.GENERATED: t("made by a trained model"),
            DigitalSource.GENERATED_FROM_PICTURES: t("made by a trained model from other pictures"),
            DigitalSource.DRAWN: t("drawn by rule, without a trained model"),
            DigitalSource.COMPOSED: t("composed by rule from other pictures"),
        }
        if said is None:
            return t("nothing of how it was made")
        return words.get(said, said)

    @property
    def manifest(self) -> str:
        """What its C2PA manifest is worth."""
        t, report = self.t, self.found.manifest
        if report is None:
            has = self.found.marks.has_manifest
            return t("has one, which this server cannot check") if has else t("has none")
        return {
            ManifestState.NONE: t("has none"),
            ManifestState.VALID: t("valid: not changed since it was signed, by nobody on a list of trusted signers"),
            ManifestState.TRUSTED: t("valid and trusted: not changed since it was signed"),
            ManifestState.INVALID: t("not valid: changed since, or not what it claims to be"),
            ManifestState.UNREADABLE: t("cannot be read"),
        }[report.state]

    @property
    def signer(self) -> str | None:
        """Who signed, which counts as far as the manifest is valid."""
        report = self.found.manifest
        if report is None or report.state not in {ManifestState.VALID, ManifestState.TRUSTED}:
            return None
        return self.t("this server") if report.ours else report.signer

    @property
    def problems(self) -> Sequence[str]:
        report = self.found.manifest
        return report.problems if report and report.state is not ManifestState.VALID else ()
