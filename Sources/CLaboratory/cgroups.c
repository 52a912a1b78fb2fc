// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "ebpfguard-lab-"

void lab_cgroup_name(const struct lab *lab, unsigned index, enum lab_part part, char *buffer, unsigned size)
{
    if (index == lab->pods) {
        snprintf(buffer, size, part == LAB_POD ? "docker" : "docker/eb9fba2e%056x", index + 1);
        return;
    }
    int length = snprintf(buffer, size, "kubepods/podeb9f0000-0000-4000-8000-%012x", index + 1);

    if (part != LAB_POD && length > 0 && (unsigned)length < size)
        snprintf(buffer + length, size - (unsigned)length, "/eb9f%02x%058x", part, index + 1);
}

static int make(const char *base, const char *name)
{
    char path[2048];

    snprintf(path, sizeof(path), "%s/%s", base, name);
    return mkdir(path, 0755) && errno != EEXIST ? -1 : 0;
}

static int make_all(const struct lab *lab)
{
    char name[256];

    if (make(lab->cgroup, "kubepods") || make(lab->cgroup, "docker"))
        return -1;
    for (unsigned index = 0; index <= lab->pods; index++)
        for (enum lab_part part = LAB_POD; part <= LAB_SIDECAR; part++) {
            lab_cgroup_name(lab, index, part, name, sizeof(name));
            if (make(lab->cgroup, name))
                return -1;
        }
    return 0;
}

void lab_remove_cgroups(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    char below[2048];

    if (!directory)
        return;
    while ((entry = readdir(directory)))
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
            snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
            lab_remove_cgroups(below);
        }
    closedir(directory);
    // Busy until its last process is gone for good.
    for (int attempt = 0; rmdir(path) && errno == EBUSY && attempt < 200; attempt++)
        usleep(5000);
}

// Of a directory. A descriptor, or -1 with errno.
static int lock(const char *path, int how)
{
    int file = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), error;

    if (file < 0 || !flock(file, LOCK_EX | how))
        return file;
    error = errno;
    close(file);
    errno = error;
    return -1;
}

static void remove_stale(const char *parent)
{
    DIR *directory = opendir(parent);
    struct dirent *entry;
    char path[2048];

    if (!directory)
        return;
    while ((entry = readdir(directory))) {
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", parent, entry->d_name);
        int file = lock(path, LOCK_NB);
        if (file < 0)
            continue;
        lab_remove_cgroups(path);
        close(file);
    }
    closedir(directory);
}

// Who has a laboratory holds the lock of its directory; who makes or removes one, that of the directory above.
int lab_make_cgroups(struct lab *lab)
{
    char parent[sizeof(lab->cgroup)];

    snprintf(parent, sizeof(parent), "%s", lab->cgroup);
    *strrchr(parent, '/') = 0;
    int above = lock(parent, 0);
    if (above < 0)
        return -1;
    remove_stale(parent);
    if (!mkdir(lab->cgroup, 0755))
        lab->lock = lock(lab->cgroup, LOCK_NB);
    int result = lab->lock < 0 ? -1 : make_all(lab), error = errno;
    close(above);
    errno = error;
    return result;
}
