from pathlib import Path

from limner.bootstrap import prepare_data, read_secret
from limner.settings import Settings


def test_a_new_data_folder_and_its_secret_are_their_owners_alone(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "new" / "data")
    prepare_data(settings)
    read_secret(settings)

    assert settings.data.stat().st_mode & 0o077 == 0
    assert (settings.data / "secret").stat().st_mode & 0o077 == 0


def test_a_folder_that_was_there_stays_as_its_owner_wants_it(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o750)
    prepare_data(Settings(data=tmp_path / "data"))

    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o750
