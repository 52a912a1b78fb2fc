// SPDX-License-Identifier: Apache-2.0
//
// Only the plain functions of SHA-2: what replaces them needs all of libcrypto.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
