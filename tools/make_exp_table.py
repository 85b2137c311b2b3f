"""tools/make_exp_table.py - prints lib/kernel/math_table.h

2^(i/64) for i = 0..63 as a double and the rest that the double leaves out, from 60-digit decimal
arithmetic; and ln 2 / 64 as a double with 32 significant bits (so that small integers times it are
exact) and the rest.

SPDX-License-Identifier: MIT
"""

from decimal import Decimal, getcontext
from fractions import Fraction
from math import frexp, ldexp

getcontext().prec = 60


def split(x, bits=53):
    """x as (double of `bits` bits, double of what is left)."""
    _, exponent = frexp(float(x))
    scaled = Fraction(x) * Fraction(2) ** (bits - exponent)
    high = ldexp(round(scaled), exponent - bits)
    return high, float(Fraction(x) - Fraction(high))


ln2 = Decimal(2).ln()
high, low = split(ln2 / 64, 32)
print("/*\n * kernel/math_table.h - made by tools/make_exp_table.py\n *\n * SPDX-License-Identifier: MIT\n */")
print(f"#define LN2_64_HIGH {high.hex()}   /* ln 2 / 64, 32 bits */")
print(f"#define LN2_64_LOW  {low.hex()}   /* and the rest       */")
high, low = split(ln2, 32)
print(f"#define LN2_HIGH {high.hex()}")
print(f"#define LN2_LOW  {low.hex()}")
print("\n/* 2^(i / 64): a double, and the rest. */\n#define EXP_POWERS \\")
for i in range(64):
    high, low = split((ln2 * i / 64).exp())
    print(f"    {{ {high.hex()}, {low.hex()} }}" + (", \\" if i < 63 else ""))
