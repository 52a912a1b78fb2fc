// SPDX-License-Identifier: Apache-2.0
//
// A C target needs a source file; this one makes the compiler check the assertions in the headers for the host side.
#include "wire/config.h"
#include "wire/process.h"
