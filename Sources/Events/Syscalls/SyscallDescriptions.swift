// SPDX-License-Identifier: Apache-2.0

/// What each system call is: one line a call, `[where:]name classes arguments [>result]`.
///
/// - `where` is a table, or `32` (i386 and arm), where the call differs from the line without it.
/// - `classes` are the letters of `SyscallClass`, or `-`.
/// - `arguments` are words of `ArgumentKind` or names of `FlagNames`. `path` and `name` are text that the kernel
///   programs read, `addr` is a socket address that they read; the argument behind it is its length. `...2` are two
///   more that depend on the command before them, as `commands` says.
/// - `result` is `ptr` for an address, `never` when the call does not return, `register` when what it returns is
///   whatever a register had.
enum SyscallDescriptions {
    static let text = """
        # files
        read d fd ptr size
        write d fd ptr size
        open fd path open mode?
        openat fd at path open mode?
        openat2 fd at path ptr size
        creat fd path mode
        close d fd
        close_range - uint uint close_range
        stat f path ptr
        fstat d fd ptr
        lstat f path ptr
        newfstatat fd at path ptr at_flags
        statx fd at path statx_flags statx ptr
        access f path access
        faccessat fd at path access
        faccessat2 fd at path access faccessat
        lseek d fd off whence
        pread64 d fd ptr size off
        pwrite64 d fd ptr size off
        readv d fd ptr int
        writev d fd ptr int
        preadv d fd ptr int size size
        pwritev d fd ptr int size size
        preadv2 d fd ptr int size size rwf
        pwritev2 d fd ptr int size size rwf
        dup d fd
        dup2 d fd fd
        dup3 d fd fd cloexec
        fcntl d fd fcntl ...1
        flock d fd flock
        fsync d fd
        fdatasync d fd
        sync -
        syncfs d fd
        sync_file_range d fd off off sync_file_range
        truncate f path off
        ftruncate d fd off
        fallocate d fd fallocate off off
        fadvise64 d fd off size fadvise
        readahead d fd off size
        getdents d fd ptr uint
        getdents64 d fd ptr uint
        getcwd f ptr size
        chdir f path
        fchdir d fd
        chroot f path
        rename f path path
        renameat fd at path at path
        renameat2 fd at path at path rename
        mkdir f path mode
        mkdirat fd at path mode
        rmdir f path
        link f path path
        linkat fd at path at path at_flags
        unlink f path
        unlinkat fd at path unlinkat
        symlink f name path
        symlinkat fd name at path
        readlink f path ptr int
        readlinkat fd at path ptr int
        chmod f path mode
        fchmod d fd mode
        fchmodat fd at path mode
        fchmodat2 fd at path mode at_flags
        chown f path id id
        fchown d fd id id
        lchown f path id id
        fchownat fd at path id id at_flags
        umask - mode
        mknod f path mode dev
        mknodat fd at path mode dev
        utime f path ptr
        utimes f path ptr
        futimesat fd at path ptr
        utimensat fd at path ptr at_flags
        statfs f path ptr
        fstatfs d fd ptr
        ustat - dev ptr
        setxattr f path name ptr size xattr
        lsetxattr f path name ptr size xattr
        fsetxattr d fd name ptr size xattr
        setxattrat fd at path at_flags name ptr size
        getxattr f path name ptr size
        lgetxattr f path name ptr size
        fgetxattr d fd name ptr size
        getxattrat fd at path at_flags name ptr size
        listxattr f path ptr size
        llistxattr f path ptr size
        flistxattr d fd ptr size
        listxattrat fd at path at_flags ptr size
        removexattr f path name
        lremovexattr f path name
        fremovexattr d fd name
        removexattrat fd at path at_flags name
        file_getattr fd at path ptr size at_flags
        file_setattr fd at path ptr size at_flags
        name_to_handle_at fd at path ptr ptr handle_flags
        open_by_handle_at d at ptr open
        lookup_dcookie - off ptr size
        sendfile dn fd fd ptr size
        copy_file_range d fd ptr fd ptr size uint
        splice d fd ptr fd ptr size splice
        tee d fd fd size splice
        vmsplice d fd ptr size splice
        pipe d ptr
        pipe2 d ptr pipe2
        ioctl d fd ioctl hex
        cachestat d fd ptr ptr uint
        # mounts
        mount f name path ptr mount ptr
        umount2 f path umount
        pivot_root f path path
        open_tree fd at path open_tree
        open_tree_attr fd at path open_tree ptr size
        move_mount fd at path at path move_mount
        mount_setattr fd at path mount_setattr ptr size
        fsopen d name fsopen
        fsconfig fd fd fsconfig name name int
        fsmount d fd fsmount mount_attr
        fspick fd at path fspick
        statmount - ptr ptr size uint
        listmount - ptr ptr size uint
        listns - ptr ptr size uint
        swapon f path swapon
        swapoff f path
        acct f path
        quotactl f quotactl path id ptr
        quotactl_fd d fd quotactl id ptr
        uselib f path
        sysfs - int hex hex
        nfsservctl - int ptr ptr
        # waiting for descriptors
        poll d ptr uint int
        ppoll d ptr uint ptr ptr size
        select d int ptr ptr ptr ptr
        pselect6 d int ptr ptr ptr ptr ptr
        epoll_create d int
        epoll_create1 d epoll_create
        epoll_ctl d fd epoll_ctl fd ptr
        epoll_wait d fd ptr int int
        epoll_pwait d fd ptr int int ptr size
        epoll_pwait2 d fd ptr int ptr ptr size
        epoll_ctl_old - fd epoll_ctl fd ptr
        epoll_wait_old - fd ptr int int
        eventfd d uint
        eventfd2 d uint eventfd
        signalfd ds fd ptr size
        signalfd4 ds fd ptr size signalfd
        timerfd_create d clock timerfd_create
        timerfd_settime d fd timerfd_settime ptr ptr
        timerfd_gettime d fd ptr
        inotify_init d
        inotify_init1 d inotify_init
        inotify_add_watch fd fd path inotify
        inotify_rm_watch d fd int
        fanotify_init d fanotify_init open
        fanotify_mark fd fd fanotify_mark fanotify at path
        # asynchronous input and output
        io_setup m uint ptr
        io_destroy m hex
        io_submit - hex long ptr
        io_cancel - hex ptr ptr
        io_getevents - hex long long ptr ptr
        io_pgetevents - hex long long ptr ptr ptr
        io_uring_setup d uint ptr
        io_uring_enter ds fd uint uint io_uring_enter ptr size
        io_uring_register dm fd io_uring_register ptr uint
        # memory
        mmap dm ptr size prot map fd off >ptr
        mprotect m ptr size prot
        pkey_mprotect m ptr size prot int
        pkey_alloc - uint pkey
        pkey_free - int
        munmap m ptr size
        brk m ptr >ptr
        mremap m ptr size size mremap ptr >ptr
        msync m ptr size msync
        mincore m ptr size ptr
        madvise m ptr size madvise
        process_madvise d fd ptr size madvise uint
        process_mrelease d fd uint
        mlock m ptr size
        mlock2 m ptr size mlock2
        munlock m ptr size
        mlockall m mlockall
        munlockall m
        mseal m ptr size hex
        map_shadow_stack m ptr size shadow_stack >ptr
        remap_file_pages m ptr size prot size map
        mbind m ptr size mempolicy ptr size mbind
        set_mempolicy m mempolicy ptr size
        get_mempolicy m ptr ptr size ptr get_mempolicy
        set_mempolicy_home_node m ptr size int uint
        migrate_pages m pid size ptr ptr
        move_pages m pid size ptr ptr ptr mbind
        memfd_create d name memfd
        memfd_secret d cloexec
        userfaultfd d userfaultfd
        membarrier - membarrier uint int
        process_vm_readv - pid ptr size ptr size uint
        process_vm_writev - pid ptr size ptr size uint
        # processes
        fork p
        vfork p
        clone p clone ptr ptr ptr ptr
        clone3 p ptr size
        execve fp path ptr ptr
        execveat fdp at path ptr ptr execveat
        exit p int >never
        exit_group p int >never
        wait4 p pid ptr wait ptr
        waitid p idtype pid ptr wait ptr
        getpid u
        getppid u
        gettid u
        getpgid - pid
        getpgrp u
        setpgid - pid pid
        getsid - pid
        setsid -
        set_tid_address - ptr
        set_robust_list - ptr size
        get_robust_list - pid ptr ptr
        unshare - unshare
        setns d fd unshare
        pidfd_open d pid pidfd
        pidfd_getfd d fd fd uint
        pidfd_send_signal dps fd sig ptr pidfd_signal
        ptrace - ptrace pid ...2
        kcmp - pid pid kcmp hex hex
        prctl c prctl ...4
        arch_prctl - arch_prctl hex
        personality - personality
        seccomp - seccomp seccomp_flags ptr
        rseq - ptr size rseq hex
        rseq_slice_yield -
        sched_yield -
        sched_setparam - pid ptr
        sched_getparam - pid ptr
        sched_setscheduler - pid sched ptr
        sched_getscheduler - pid
        sched_get_priority_max - sched
        sched_get_priority_min - sched
        sched_rr_get_interval - pid ptr
        sched_setaffinity - pid size ptr
        sched_getaffinity - pid size ptr
        sched_setattr - pid ptr uint
        sched_getattr - pid ptr size uint
        getpriority - priority id
        setpriority - priority id int
        ioprio_set - ioprio id hex
        ioprio_get - ioprio id
        getrlimit - resource ptr
        setrlimit - resource ptr
        prlimit64 - pid resource ptr ptr
        getrusage - rusage ptr
        times - ptr
        getcpu - ptr ptr ptr
        futex - ptr futex uint ptr ptr uint
        futex_wait - ptr hex hex futex2 ptr clock
        futex_wake - ptr hex int futex2
        futex_waitv - ptr uint uint ptr clock
        futex_requeue - ptr uint int int
        restart_syscall -
        uretprobe - >register
        uprobe - >register
        # credentials
        getuid cu
        geteuid cu
        getgid cu
        getegid cu
        getresuid c ptr ptr ptr
        getresgid c ptr ptr ptr
        getgroups c int ptr
        setuid c id
        setgid c id
        setreuid c id id
        setregid c id id
        setresuid c id id id
        setresgid c id id id
        setfsuid c id
        setfsgid c id
        setgroups c int ptr
        capget c ptr ptr
        capset c ptr ptr
        landlock_create_ruleset d ptr size landlock
        landlock_add_rule d fd landlock_rule ptr uint
        landlock_restrict_self d fd landlock_self
        lsm_get_self_attr - lsm_attr ptr ptr lsm_flags
        lsm_set_self_attr - lsm_attr ptr size uint
        lsm_list_modules - ptr ptr uint
        add_key - name name ptr size keyring
        request_key - name name ptr keyring
        keyctl - keyctl ...4
        # signals
        kill ps pid sig
        tkill ps pid sig
        tgkill ps pid pid sig
        rt_sigaction s sig ptr ptr size
        rt_sigprocmask s sigmask ptr ptr size
        rt_sigpending s ptr size
        rt_sigsuspend s ptr size
        rt_sigtimedwait s ptr ptr ptr size
        rt_sigqueueinfo ps pid sig ptr
        rt_tgsigqueueinfo ps pid pid sig ptr
        rt_sigreturn s >register
        sigaltstack s ptr ptr
        pause s
        alarm - uint
        # network
        socket n family socktype protocol
        socketpair n family socktype protocol ptr
        bind n fd addr int
        connect n fd addr int
        listen n fd int
        accept n fd ptr ptr
        accept4 n fd ptr ptr sockflags
        getsockname n fd ptr ptr
        getpeername n fd ptr ptr
        sendto n fd ptr size msg addr int
        recvfrom n fd ptr size msg ptr ptr
        sendmsg n fd ptr msg
        recvmsg n fd ptr msg
        sendmmsg n fd ptr uint msg
        recvmmsg n fd ptr uint msg ptr
        shutdown n fd shutdown
        setsockopt n fd level sockopt ptr int
        getsockopt n fd level sockopt ptr ptr
        # System V and POSIX communication
        shmget i key size ipc_get
        shmat mi int ptr shmat >ptr
        shmdt mi ptr
        shmctl i int ipc_cmd ptr
        semget i key int ipc_get
        semop i int ptr size
        semtimedop i int ptr size ptr
        semctl i int int sem_cmd hex
        msgget i key ipc_get
        msgsnd i int ptr size ipc_flags
        msgrcv i int ptr size long ipc_flags
        msgctl i int ipc_cmd ptr
        mq_open d name open mode? ptr
        mq_unlink - name
        mq_timedsend d fd ptr size uint ptr
        mq_timedreceive d fd ptr size ptr ptr
        mq_notify d fd ptr
        mq_getsetattr d fd ptr ptr
        # clocks and timers
        gettimeofday k ptr ptr
        settimeofday k ptr ptr
        time k ptr
        adjtimex k ptr
        clock_gettime k clock ptr
        clock_settime k clock ptr
        clock_getres k clock ptr
        clock_nanosleep - clock timer_flags ptr ptr
        clock_adjtime k clock ptr
        nanosleep - ptr ptr
        getitimer - itimer ptr
        setitimer - itimer ptr ptr
        timer_create - clock ptr ptr
        timer_settime - int timer_flags ptr ptr
        timer_gettime - int ptr
        timer_getoverrun - int
        timer_delete - int
        # the kernel itself
        init_module - ptr size name
        finit_module d fd name finit_module
        delete_module - name delete_module
        create_module - name size >ptr
        query_module - name int ptr size ptr
        get_kernel_syms - ptr
        kexec_load - ptr size ptr kexec
        kexec_file_load d fd fd size name kexec_file
        bpf d bpf ptr uint
        perf_event_open d ptr pid int fd perf
        reboot - reboot_magic reboot_magic reboot hex
        iopl - uint
        ioperm - size size int
        modify_ldt - int ptr size
        set_thread_area - hex
        get_thread_area - hex
        sethostname - ptr size
        setdomainname - ptr size
        uname - ptr
        sysinfo - ptr
        syslog - syslog ptr int
        _sysctl - ptr
        vhangup -
        getrandom - ptr size getrandom
        vserver -
        security -
        tuxcall -
        afs_syscall -
        getpmsg n
        putpmsg n
        # i386 and arm
        i386:mmap dm ptr >ptr
        i386:select d ptr
        mmap2 dm ptr size prot map fd size >ptr
        waitpid p pid ptr wait
        _llseek d fd uint uint ptr whence
        _newselect d int ptr ptr ptr ptr
        socketcall d socketcall ptr
        ipc i ipc hex hex hex ptr hex
        stat64 f path ptr
        lstat64 f path ptr
        fstat64 d fd ptr
        fstatat64 fd at path ptr at_flags
        statfs64 f path size ptr
        fstatfs64 d fd size ptr
        oldstat f path ptr
        oldlstat f path ptr
        oldfstat d fd ptr
        fcntl64 d fd fcntl ...1
        sendfile64 dn fd fd ptr size
        readdir d fd ptr uint
        umount f path
        nice - int
        stime - ptr
        signal s sig ptr
        sigaction s sig ptr ptr
        sigprocmask s sigmask ptr ptr
        sigpending s ptr
        sigsuspend s hex hex hex
        sigreturn s >register
        sgetmask s
        ssetmask s hex
        oldolduname - ptr
        olduname - ptr
        ugetrlimit - resource ptr
        vm86old - ptr
        vm86 - hex ptr
        bdflush - int long
        break m
        stty -
        gtty -
        ftime -
        prof -
        lock -
        mpx -
        profil -
        ulimit -
        idle -
        getuid32 cu
        geteuid32 cu
        getgid32 cu
        getegid32 cu
        getresuid32 c ptr ptr ptr
        getresgid32 c ptr ptr ptr
        getgroups32 c int ptr
        setuid32 c id
        setgid32 c id
        setreuid32 c id id
        setregid32 c id id
        setresuid32 c id id id
        setresgid32 c id id id
        setfsuid32 c id
        setfsgid32 c id
        setgroups32 c int ptr
        chown32 f path id id
        fchown32 d fd id id
        lchown32 f path id id
        truncate64 f path off64
        ftruncate64 d fd off64
        fadvise64_64 d fd off64 off64 fadvise
        32:pread64 d fd ptr size off64
        32:pwrite64 d fd ptr size off64
        32:readahead d fd off64 size
        32:fadvise64 d fd off64 size fadvise
        32:fallocate d fd fallocate off64 off64
        32:sync_file_range d fd off64 off64 sync_file_range
        32:lookup_dcookie - off64 ptr size
        32:fanotify_mark fd fd fanotify_mark fanotify64 at path
        arm:truncate64 f path pad off64
        arm:ftruncate64 d fd pad off64
        arm:pread64 d fd ptr size pad off64
        arm:pwrite64 d fd ptr size pad off64
        arm:readahead d fd pad off64 size
        arm_fadvise64_64 d fd fadvise off64 off64
        arm_sync_file_range d fd sync_file_range off64 off64
        clock_gettime64 k clock ptr
        clock_settime64 k clock ptr
        clock_getres_time64 k clock ptr
        clock_nanosleep_time64 - clock timer_flags ptr ptr
        clock_adjtime64 k clock ptr
        timer_gettime64 - int ptr
        timer_settime64 - int timer_flags ptr ptr
        timerfd_gettime64 d fd ptr
        timerfd_settime64 d fd timerfd_settime ptr ptr
        utimensat_time64 fd at path ptr at_flags
        pselect6_time64 d int ptr ptr ptr ptr ptr
        ppoll_time64 d ptr uint ptr ptr size
        io_pgetevents_time64 - hex long long ptr ptr ptr
        recvmmsg_time64 n fd ptr uint msg ptr
        mq_timedsend_time64 d fd ptr size uint ptr
        mq_timedreceive_time64 d fd ptr size ptr ptr
        semtimedop_time64 i int ptr size ptr
        rt_sigtimedwait_time64 s ptr ptr ptr size
        futex_time64 - ptr futex uint ptr ptr uint
        sched_rr_get_interval_time64 - pid ptr
        recv n fd ptr size msg
        send n fd ptr size msg
        pciconfig_iobase - int hex hex
        pciconfig_read - hex hex hex hex ptr
        pciconfig_write - hex hex hex hex ptr
        x32:preadv2 d fd ptr int off rwf
        x32:pwritev2 d fd ptr int off rwf
        x32:preadv d fd ptr int off
        x32:pwritev d fd ptr int off
        # io_uring: only what the kernel programs read; of words that are no strings the first is for fd, the second for flags or length
        io_uring:NOP -
        io_uring:READV d fd uint
        io_uring:WRITEV d fd uint
        io_uring:FSYNC d fd
        io_uring:READ_FIXED d fd uint
        io_uring:WRITE_FIXED d fd uint
        io_uring:POLL_ADD d fd
        io_uring:POLL_REMOVE d
        io_uring:SYNC_FILE_RANGE d fd
        io_uring:SENDMSG n fd msg
        io_uring:RECVMSG n fd msg
        io_uring:TIMEOUT -
        io_uring:TIMEOUT_REMOVE -
        io_uring:ACCEPT n fd sockflags
        io_uring:ASYNC_CANCEL -
        io_uring:LINK_TIMEOUT -
        io_uring:CONNECT n fd addr
        io_uring:FALLOCATE d fd
        io_uring:OPENAT fd at path open
        io_uring:CLOSE d fd
        io_uring:FILES_UPDATE d
        io_uring:STATX fd at path statx_flags
        io_uring:READ d fd uint
        io_uring:WRITE d fd uint
        io_uring:FADVISE d fd
        io_uring:MADVISE m
        io_uring:SEND n fd msg
        io_uring:RECV n fd msg
        io_uring:OPENAT2 fd at path open
        io_uring:EPOLL_CTL d fd
        io_uring:SPLICE d fd
        io_uring:PROVIDE_BUFFERS m
        io_uring:REMOVE_BUFFERS m
        io_uring:TEE d fd
        io_uring:SHUTDOWN n fd
        io_uring:RENAMEAT fd at path path rename
        io_uring:UNLINKAT fd at path unlinkat
        io_uring:MKDIRAT fd at path mode
        io_uring:SYMLINKAT fd at name path
        io_uring:LINKAT fd at path path at_flags
        io_uring:MSG_RING d fd
        io_uring:FSETXATTR d fd
        io_uring:SETXATTR f
        io_uring:FGETXATTR d fd
        io_uring:GETXATTR f
        io_uring:SOCKET n
        io_uring:URING_CMD d fd
        io_uring:SEND_ZC n fd
        io_uring:SENDMSG_ZC n fd
        io_uring:READ_MULTISHOT d fd
        io_uring:WAITID p
        io_uring:FUTEX_WAIT -
        io_uring:FUTEX_WAKE -
        io_uring:FUTEX_WAITV -
        io_uring:FIXED_FD_INSTALL d fd
        io_uring:FTRUNCATE d fd
        io_uring:BIND n fd
        io_uring:LISTEN n fd
        io_uring:RECV_ZC n fd
        io_uring:EPOLL_WAIT d fd
        io_uring:READV_FIXED d fd
        io_uring:WRITEV_FIXED d fd
        io_uring:PIPE d
        io_uring:NOP128 -
        io_uring:URING_CMD128 d fd
        """

    /// What follows a command: `flags COMMAND[,COMMAND] arguments`. Others are followed by numbers.
    static let commands = """
        fcntl F_GETFD,F_GETFL,F_GETOWN,F_GETSIG,F_GETLEASE,F_GETPIPE_SZ,F_GET_SEALS
        fcntl F_DUPFD,F_DUPFD_CLOEXEC,F_DUPFD_QUERY fd
        fcntl F_SETFD fd_flags
        fcntl F_SETFL open
        fcntl F_GETLK,F_SETLK,F_SETLKW,F_GETLK64,F_SETLK64,F_SETLKW64,F_OFD_GETLK,F_OFD_SETLK,F_OFD_SETLKW ptr
        fcntl F_SETOWN pid
        fcntl F_SETSIG sig
        fcntl F_SETLEASE lease
        fcntl F_SETPIPE_SZ int
        fcntl F_ADD_SEALS seals
        prctl PR_GET_DUMPABLE,PR_GET_KEEPCAPS,PR_GET_SECCOMP,PR_GET_SECUREBITS,PR_GET_TIMERSLACK,PR_GET_NO_NEW_PRIVS
        prctl PR_SET_PDEATHSIG sig
        prctl PR_GET_PDEATHSIG,PR_GET_NAME,PR_SET_NAME,PR_GET_TSC,PR_GET_CHILD_SUBREAPER ptr
        prctl PR_SET_DUMPABLE,PR_SET_KEEPCAPS,PR_SET_CHILD_SUBREAPER int
        prctl PR_SET_THP_DISABLE,PR_SET_NO_NEW_PRIVS,PR_SET_PTRACER int
        prctl PR_SET_SECCOMP seccomp_mode ptr
        prctl PR_CAPBSET_READ,PR_CAPBSET_DROP capability
        prctl PR_CAP_AMBIENT prctl_ambient capability
        prctl PR_SET_SECUREBITS securebits
        prctl PR_SET_TIMERSLACK size
        prctl PR_SET_MM prctl_mm hex hex
        prctl PR_SET_VMA hex ptr size ptr
        ptrace PTRACE_TRACEME
        ptrace PTRACE_CONT,PTRACE_SINGLESTEP,PTRACE_SYSCALL,PTRACE_DETACH ptr sig
        ptrace PTRACE_SETOPTIONS,PTRACE_SEIZE ptr ptrace_options
        ptrace PTRACE_ATTACH,PTRACE_KILL,PTRACE_INTERRUPT,PTRACE_LISTEN
        keyctl KEYCTL_GET_KEYRING_ID keyring int
        keyctl KEYCTL_JOIN_SESSION_KEYRING ptr
        keyctl KEYCTL_UPDATE keyring ptr size
        keyctl KEYCTL_REVOKE,KEYCTL_CLEAR,KEYCTL_INVALIDATE,KEYCTL_ASSUME_AUTHORITY keyring
        keyctl KEYCTL_CHOWN keyring id id
        keyctl KEYCTL_SETPERM keyring hex
        keyctl KEYCTL_DESCRIBE,KEYCTL_READ,KEYCTL_GET_SECURITY keyring ptr size
        keyctl KEYCTL_LINK,KEYCTL_UNLINK keyring keyring
        keyctl KEYCTL_SEARCH keyring ptr ptr keyring
        keyctl KEYCTL_SET_TIMEOUT keyring uint
        keyctl KEYCTL_GET_PERSISTENT id keyring
        keyctl KEYCTL_SESSION_TO_PARENT
        """
}
