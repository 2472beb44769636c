// SPDX-License-Identifier: GPL-2.0
/*
 * ioctl FILE NUMBER: makes an ioctl, for which busybox has no program. It is built with the nolibc
 * of the kernel's tree.
 */

int main(int argc, char **argv)
{
	int fd = argc == 3 ? open(argv[1], O_RDONLY) : -1;

	if (fd < 0 || ioctl(fd, strtoul(argv[2], NULL, 0), 0)) {
		perror("ioctl");
		return 1;
	}
	return 0;
}
