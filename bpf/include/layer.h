// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Which layer of an overlay file system a file is in.
#ifndef LAYER_H
#define LAYER_H

#include "common.h"

// For an overlayfs inode, whether the file lives in the upper layer, so is not part of the container's image. struct
// ovl_inode is private to its module; its upper dentry follows the embedded struct inode (fs/overlayfs/ovl_entry.h,
// the same in 4.13 to 7.x).
static __always_inline int in_upper_layer(struct inode *inode)
{
    __u64 upper = 0;

    READ(upper, (__u64)inode + bpf_core_type_size(struct inode));
    return upper != 0;
}

#endif
