// SPDX-License-Identifier: GPL-2.0
/*
 * kexec KERNEL INITRAMFS WORDS: shuts the devices down and executes another kernel with that command
 * line, for which busybox has no program. It is built with the nolibc of the kernel's tree.
 */

#include <linux/reboot.h>

int main(int argc, char **argv)
{
	int kernel = argc == 4 ? open(argv[1], O_RDONLY) : -1;
	int initramfs = argc == 4 ? open(argv[2], O_RDONLY) : -1;

	if (kernel >= 0 && initramfs >= 0 &&
	    !syscall(__NR_kexec_file_load, kernel, initramfs, strlen(argv[3]) + 1, argv[3], 0))
		reboot(LINUX_REBOOT_CMD_KEXEC);
	perror("kexec");
	return 1;
}
