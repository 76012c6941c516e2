"""Limner's built-in engine: scenes composed from a prompt and honest edits of pictures, offline and on a CPU.

Importing this package is cheap on purpose: numpy, Pillow and onnxruntime are only loaded by the child process.
"""

__version__ = "0.1.0"
