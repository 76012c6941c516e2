"""As much of torch as the adapter touches, on a machine without a card."""

bfloat16, float16, float32 = "bfloat16", "float16", "float32"


class OutOfMemoryError(RuntimeError):
    pass


class Generator:
    def __init__(self, device: str) -> None:
        assert device == "cpu"
        self.seed = 0

    def manual_seed(self, seed: int) -> "Generator":
        self.seed = seed
        return self


class cuda:  # noqa: N801 - a module of torch
    @staticmethod
    def is_available() -> bool:
        return False


class backends:  # noqa: N801
    class mps:  # noqa: N801
        @staticmethod
        def is_available() -> bool:
            return False
