// SPDX-License-Identifier: GPL-2.0

//! Builds the grafted kernel, boots it under QEMU and judges what it prints.

// The commands
pub mod acceptance;
pub mod bench;
pub mod boot;
pub mod build;
pub mod census;
pub mod docs;
pub mod doctor;
pub mod evidence;
pub mod folder;
pub mod mutations;
pub mod series;
pub mod suite;

// From nothing to a kernel that can boot
pub mod debian;
pub mod earlier;
pub mod initramfs;
pub mod kconfig;
pub mod kernel;
pub mod packages;
pub mod prepare;
pub mod source;
pub mod toolchain;

// What is tested, and by what it is judged
pub mod agree;
pub mod drivers;
pub mod exports;
pub mod guest;
pub mod host;
pub mod judge;
pub mod klog;
pub mod ktap;
pub mod no_pci;
pub mod objects;
pub mod referee;
pub mod results;
pub mod samples;
pub mod sequences;
pub mod shrink;
pub mod suites;
pub mod tree;
pub mod tree_report;

// What all of it is made of
pub mod command;
pub mod failure;
pub mod layout;
pub mod ui;
