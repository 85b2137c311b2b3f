/*
 * base/city.h - CityHash64 of version 1.0, of texts
 *
 * What CatBoost hashes categories with.  Later versions of CityHash give other numbers.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_BASE_CITY_H
#define MDL_BASE_CITY_H

#include "base/compiler.h"

uint64_t mdl_city64(const void *text, size_t n);

#endif
