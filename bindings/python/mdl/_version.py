# SPDX-License-Identifier: MIT
"""The version of this package; that of the library it was written for."""

__version__ = "0.1.0"
