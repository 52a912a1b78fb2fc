// SPDX-License-Identifier: Apache-2.0
// The smallest program there is: exit_group(code). Written at run time, so that a test can have as many executables of
// as many names as it likes without a compiler and without ld.so, and so that each costs one page.
#include "internal.h"

#include <elf.h>
#include <sys/stat.h>

int live_write_program(const char *path, int code, mode_t mode)
{
    struct {
        Elf64_Ehdr header;
        Elf64_Phdr segment;
        uint32_t text[4];
    } image = {
        .header = {
            .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
            .e_type = ET_EXEC,
            .e_version = EV_CURRENT,
            .e_entry = 0x400000 + sizeof image.header + sizeof image.segment,
            .e_phoff = sizeof image.header,
            .e_ehsize = sizeof image.header,
            .e_phentsize = sizeof image.segment,
            .e_phnum = 1,
        },
        .segment = {
            .p_type = PT_LOAD,
            .p_flags = PF_R | PF_X,
            .p_vaddr = 0x400000,
            .p_paddr = 0x400000,
            .p_filesz = sizeof image,
            .p_memsz = sizeof image,
            .p_align = 0x1000,
        },
    };
#if defined(__x86_64__)
    image.header.e_machine = EM_X86_64;
    // mov $code,%edi; mov $231,%eax; syscall
    const uint8_t text[] = {0xbf, (uint8_t)code, 0, 0, 0, 0xb8, 231, 0, 0, 0, 0x0f, 0x05};
#elif defined(__aarch64__)
    image.header.e_machine = EM_AARCH64;
    // mov x0, #code; mov x8, #94; svc #0
    const uint32_t text[] = {0xd2800000u | (uint32_t)code << 5, 0xd2800000u | 94u << 5 | 8u, 0xd4000001u};
#else
#error "write exit_group(code) for this architecture"
#endif
    memcpy(image.text, text, sizeof text);

    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    if (file < 0)
        return errno;
    bool written = write(file, &image, sizeof image) == sizeof image && fchmod(file, mode) == 0;
    int problem = written ? 0 : errno;
    close(file);
    return problem;
}
