// SPDX-License-Identifier: GPL-2.0

//! Small trees with small drivers: one for each class, and for each way in which the calls that enable
//! and allocate are apart.

use std::{fs, path::Path};

use super::{take, Census, Change, Class, Entry};

/// A driver: what stands before probe, probe after enabling, and remove.
fn driver(before: &str, probe: &str, remove: &str) -> String {
    format!(
        "{before}\n\
         static int my_probe(struct pci_dev *pdev, const struct pci_device_id *id)\n\
         {{\n\tint ret;\n\n\tret = pcim_enable_device(pdev);\n\tif (ret)\n\t\treturn ret;\n\n{probe}\n}}\n\n\
         static void my_remove(struct pci_dev *pdev)\n{{\n{remove}\n}}\n\n\
         static struct pci_driver my_driver = {{\n\t.name = \"my\",\n\t.probe = my_probe,\n\t.remove = my_remove,\n}};\n"
    )
}

const ALLOCATE: &str = "\tret = pci_alloc_irq_vectors(pdev, 1, 8, PCI_IRQ_ALL_TYPES);\n\tif (ret < 0)\n\t\treturn ret;\n";

fn tree(files: &[(&str, &str)]) -> Census {
    let folder = tempfile::tempdir().expect("a folder for the tree");
    let write = |path: &Path, text: &str| {
        fs::create_dir_all(path.parent().expect("a file in a folder")).expect("its folder");
        fs::write(path, text).expect("the file");
    };
    write(&folder.path().join("drivers/pci/Makefile"), "");
    for (path, text) in files {
        write(&folder.path().join(path), text);
    }
    take(folder.path(), "7.3", &|_| {}).expect("a census")
}

/// The only file of a module `my`.
fn alone(before: &str, probe: &str, remove: &str) -> Entry {
    only(&driver(before, probe, remove))
}

fn only(text: &str) -> Entry {
    let census = tree(&[("drivers/my/Makefile", "obj-$(CONFIG_MY) += my.o\n"), ("drivers/my/my.c", text)]);
    assert_eq!(census.entries.len(), 1, "{census:#?}");
    census.entries.into_iter().next().expect("there is one")
}

fn is(entry: &Entry, class: Class) {
    assert_eq!(entry.class, class, "{entry:#?}");
}

#[test]
fn nobody_frees() {
    let entry = alone("", &format!("{ALLOCATE}\treturn 0;"), "");
    is(&entry, Class::Implicit);
    assert_eq!(entry.worst().kind, Some("pci_alloc"));
    assert!(entry.todo.starts_with("convert to pcim_"), "{}", entry.todo);
}

#[test]
fn all_five_calls_allocate() {
    for call in [
        "pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI)",
        "pci_alloc_irq_vectors_affinity(pdev, 1, 1, PCI_IRQ_MSI, NULL)",
        "pci_enable_msi(pdev)",
        "pci_enable_msix_range(pdev, entries, 1, 2)",
        "pci_enable_msix_exact(pdev, entries, 2)",
    ] {
        let entry = alone("", &format!("\tret = {call};\n\tif (ret < 0)\n\t\treturn ret;\n\treturn 0;"), "");
        is(&entry, Class::Implicit);
        let legacy = call.starts_with("pci_enable");
        assert_eq!(entry.worst().kind, Some(if legacy { "legacy" } else { "pci_alloc" }), "{call}");
    }
}

#[test]
fn freed_on_remove_and_when_probe_fails() {
    let probe = format!(
        "{ALLOCATE}\tret = my_setup(pdev);\n\tif (ret)\n\t\tgoto free;\n\treturn 0;\nfree:\n\
         \tpci_free_irq_vectors(pdev);\n\treturn ret;"
    );
    is(&alone("", &probe, "\tpci_free_irq_vectors(pdev);"), Class::Explicit);
}

#[test]
fn an_error_that_does_not_free() {
    let probe = format!("{ALLOCATE}\tret = my_setup(pdev);\n\tif (ret)\n\t\treturn ret;\n\treturn 0;");
    let entry = alone("", &probe, "\tpci_free_irq_vectors(pdev);");
    is(&entry, Class::SomePaths);
    let because = &entry.worst().because;
    assert!(because.iter().any(|l| l.what.contains("does not free") && l.line == 15), "{because:#?}");
}

#[test]
fn freed_on_errors_but_not_on_remove() {
    let probe = format!("{ALLOCATE}\tret = my_setup(pdev);\n\tif (ret)\n\t\tpci_free_irq_vectors(pdev);\n\treturn ret;");
    is(&alone("", &probe, ""), Class::SomePaths);
}

#[test]
fn freed_under_a_devm_handler() {
    let request = "\tret = devm_request_irq(&pdev->dev, pci_irq_vector(pdev, 0), my_irq, 0, \"my\", pdev);\n\
                   \tif (ret) {\n\t\tpci_free_irq_vectors(pdev);\n\t\treturn ret;\n\t}\n\treturn 0;";
    let entry = alone("", &format!("{ALLOCATE}{request}"), "\tpci_free_irq_vectors(pdev);");
    is(&entry, Class::WrongOrder);
    let remove = "\tdevm_free_irq(&pdev->dev, pci_irq_vector(pdev, 0), pdev);\n\tpci_free_irq_vectors(pdev);";
    is(&alone("", &format!("{ALLOCATE}{request}"), remove), Class::Explicit);
}

#[test]
fn freed_before_the_handler() {
    let request = "\tret = request_irq(pci_irq_vector(pdev, 0), my_irq, 0, \"my\", pdev);\n\
                   \tif (ret) {\n\t\tpci_free_irq_vectors(pdev);\n\t\treturn ret;\n\t}\n\treturn 0;";
    let wrong = "\tpci_free_irq_vectors(pdev);\n\tfree_irq(pci_irq_vector(pdev, 0), pdev);";
    is(&alone("", &format!("{ALLOCATE}{request}"), wrong), Class::WrongOrder);
    let right = "\tfree_irq(pci_irq_vector(pdev, 0), pdev);\n\tpci_free_irq_vectors(pdev);";
    is(&alone("", &format!("{ALLOCATE}{request}"), right), Class::Explicit);
}

#[test]
fn a_devm_action_frees_if_it_comes_after_the_allocation() {
    let action = "static void my_free(void *data)\n{\n\tpci_free_irq_vectors(data);\n}\n";
    let add = "\tret = devm_add_action_or_reset(&pdev->dev, my_free, pdev);\n\tif (ret)\n\t\treturn ret;\n";
    is(&alone(action, &format!("{ALLOCATE}{add}\treturn 0;"), ""), Class::Explicit);
    // Before it, devres frees the MSI data first (H6).
    let entry = alone(action, &format!("{add}{ALLOCATE}\treturn 0;"), "");
    assert!(entry.class.reported(), "{entry:#?}");
    let because = &entry.worst().because;
    assert!(because.iter().any(|l| l.what.contains("after the MSI data is gone")), "{because:#?}");
}

#[test]
fn a_second_attempt_is_no_cleanup() {
    let probe = "\tret = pci_alloc_irq_vectors(pdev, 4, 4, PCI_IRQ_MSIX);\n\tif (ret > 0) {\n\
                 \t\tif (!my_usable(pdev))\n\t\t\tpci_free_irq_vectors(pdev);\n\t\telse\n\t\t\treturn 0;\n\t}\n\
                 \tret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);\n\tif (ret < 0)\n\t\treturn ret;\n\treturn 0;";
    let entry = alone("", probe, "");
    is(&entry, Class::Implicit);
    assert_eq!(entry.worst().kind, Some("mid-life"));
}

#[test]
fn intx_and_managed_need_nothing() {
    let intx = ALLOCATE.replace("PCI_IRQ_ALL_TYPES", "PCI_IRQ_INTX");
    is(&alone("", &format!("{intx}\treturn 0;"), ""), Class::IntxOnly);
    let managed = ALLOCATE.replace("pci_alloc", "pcim_alloc");
    is(&alone("", &format!("{managed}\treturn 0;"), ""), Class::Managed);
}

#[test]
fn the_two_in_different_files_of_a_module() {
    let census = tree(&[
        ("drivers/my/Makefile", "obj-${CONFIG_MY} := my.o\nmy-y := main.o \\\n\tsub/irq.o\n"),
        ("drivers/my/main.c", &driver("", "\treturn my_vectors(pdev);", "")),
        ("drivers/my/sub/irq.c", &format!("int my_vectors(struct pci_dev *pdev)\n{{\n\tint ret;\n{ALLOCATE}\treturn 0;\n}}\n")),
        // The same name in another module is another function.
        ("drivers/other/Makefile", "obj-m += other.o\n"),
        ("drivers/other/other.c", &driver("", "\treturn my_vectors(pdev);", "")),
    ]);
    assert_eq!(census.entries.len(), 1, "{census:#?}");
    let entry = &census.entries[0];
    is(entry, Class::Implicit);
    assert_eq!(entry.file, "drivers/my/sub/irq.c");
    assert_eq!(entry.worst().enable[0].file, "drivers/my/main.c");
}

#[test]
fn a_library_allocates() {
    let census = tree(&[
        ("drivers/lib/Makefile", "obj-m += vectors.o\n"),
        (
            "drivers/lib/vectors.c",
            &format!(
                "int lib_vectors(struct pci_dev *pdev)\n{{\n\tint ret;\n{ALLOCATE}\treturn 0;\n}}\nEXPORT_SYMBOL_GPL(lib_vectors);\n"
            ),
        ),
        ("drivers/my/Makefile", "obj-m += my.o\n"),
        ("drivers/my/my.c", &driver("", "\treturn lib_vectors(pdev);", "")),
    ]);
    assert_eq!(census.entries.len(), 1, "{census:#?}");
    assert_eq!(census.entries[0].modules().into_iter().collect::<Vec<_>>(), ["my"]);
    is(&census.entries[0], Class::Implicit);
}

#[test]
fn behind_a_macro_an_inline_and_a_table() {
    let header = "static inline int my_enable(struct pci_dev *pdev)\n{\n\treturn pcim_enable_device(pdev);\n}\n\
                  #define my_vectors(pdev) pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI)\n\
                  #define MY_DEVICE(chip) { .driver_data = (kernel_ulong_t)&(my_##chip) }\n";
    let main = "static int my_setup(struct pci_dev *pdev)\n{\n\treturn my_vectors(pdev) < 0 ? -EIO : 0;\n}\n\
                static const struct my_chip my_one = { .setup = my_setup };\n\
                static const struct pci_device_id ids[] = { MY_DEVICE(one) };\n\
                static int my_probe(struct pci_dev *pdev, const struct pci_device_id *id)\n{\n\
                \tconst struct my_chip *chip = (void *)id->driver_data;\n\tint ret = my_enable(pdev);\n\n\
                \tif (ret)\n\t\treturn ret;\n\treturn chip->setup(pdev);\n}\n\
                static struct pci_driver my_driver = { .id_table = ids, .probe = my_probe };\n";
    let census = tree(&[
        ("drivers/my/Makefile", "obj-m += my.o\n"),
        ("drivers/my/my.h", header),
        ("drivers/my/my.c", &format!("#include \"my.h\"\n{main}")),
    ]);
    let found: Vec<_> = census.entries.iter().map(|e| (e.file.as_str(), e.class)).collect();
    assert_eq!(found, [("drivers/my/my.h", Class::Implicit)], "{census:#?}");
}

#[test]
fn open_and_stop_are_a_pair() {
    let open = format!(
        "static int my_open(struct net_device *dev)\n{{\n\tstruct pci_dev *pdev = my_pdev(dev);\n\tint ret;\n{ALLOCATE}\treturn 0;\n}}\n\
         static int my_stop(struct net_device *dev)\n{{\n\tpci_free_irq_vectors(my_pdev(dev));\n\treturn 0;\n}}\n\
         static const struct net_device_ops my_ops = {{ .ndo_open = my_open, .ndo_stop = my_stop }};\n"
    );
    let entry = alone(&open, "\tmy_register(pdev, &my_ops);\n\treturn 0;", "");
    is(&entry, Class::Explicit);
    assert_eq!(entry.worst().doubts.len(), 1, "{entry:#?}");
}

#[test]
fn one_driver_enables_and_another_allocates() {
    let other = "static int other_probe(struct pci_dev *pdev, const struct pci_device_id *id)\n{\n\
                 \treturn pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);\n}\n\
                 static struct pci_driver other_driver = { .probe = other_probe };\n";
    let census = tree(&[
        ("drivers/my/Makefile", "obj-m += my.o\nmy-objs := main.o other.o\n"),
        ("drivers/my/main.c", &driver("", "\treturn 0;", "")),
        ("drivers/my/other.c", other),
    ]);
    assert_eq!(census.entries.len(), 1, "{census:#?}");
    is(&census.entries[0], Class::Never);
}

/// A driver that enables with `pci_enable_device()`, which manages nothing.
fn plain(before: &str, probe: &str, remove: &str) -> Entry {
    let text = driver(before, probe, remove).replace("pcim_enable", "pci_enable");
    only(&text)
}

fn changes(entry: &Entry, expected: &[Change]) {
    let found: Vec<_> = entry.changes.iter().copied().collect();
    assert_eq!(found, expected, "{entry:#?}");
}

const REQUEST: &str = "\tret = request_irq(pci_irq_vector(pdev, 0), my_irq, 0, \"my\", pdev);\n\
                       \tif (ret) {\n\t\tpci_free_irq_vectors(pdev);\n\t\treturn ret;\n\t}\n";

#[test]
fn without_pcim_enable_device_nobody_frees_at_all() {
    let entry = plain("", &format!("{ALLOCATE}\treturn 0;"), "");
    is(&entry, Class::Never);
    changes(&entry, &[Change::NeverFrees]);
    assert!(entry.todo.starts_with("add the frees"), "{}", entry.todo);
    let right = plain("", &format!("{ALLOCATE}\treturn 0;"), "\tpci_free_irq_vectors(pdev);");
    is(&right, Class::Explicit);
    changes(&right, &[]);
}

#[test]
fn without_pcim_enable_device_an_error_leaks() {
    let probe = format!("{ALLOCATE}\tret = my_setup(pdev);\n\tif (ret)\n\t\treturn ret;\n\treturn 0;");
    let entry = plain("", &probe, "\tpci_free_irq_vectors(pdev);");
    is(&entry, Class::SomePaths);
    changes(&entry, &[Change::LeaksSometimes]);
}

#[test]
fn freed_under_a_plain_handler() {
    let probe = format!("{ALLOCATE}{REQUEST}\treturn 0;");
    let wrong = "\tpci_free_irq_vectors(pdev);\n\tfree_irq(pci_irq_vector(pdev, 0), pdev);";
    let entry = plain("", &probe, wrong);
    is(&entry, Class::WrongOrder);
    changes(&entry, &[Change::FreesUnderHandler]);
}

#[test]
fn allocated_while_live() {
    let probe = format!("{ALLOCATE}{ALLOCATE}\treturn 0;");
    let entry = plain("", &probe, "\tpci_free_irq_vectors(pdev);");
    assert!(entry.changes.contains(&Change::AllocatesWhileLive), "{entry:#?}");
    // A second attempt after a failed one is no second allocation.
    let probe = "\tret = pci_alloc_irq_vectors(pdev, 4, 4, PCI_IRQ_MSIX);\n\tif (ret < 0)\n\
                 \t\tret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);\n\
                 \tif (ret < 0)\n\t\treturn ret;\n\treturn 0;";
    changes(&plain("", probe, "\tpci_free_irq_vectors(pdev);"), &[]);
}

#[test]
fn a_devm_action_is_told_apart_from_remove() {
    let action = "static void my_free(void *data)\n{\n\tpci_free_irq_vectors(data);\n}\n";
    let add = "\tret = devm_add_action_or_reset(&pdev->dev, my_free, pdev);\n\tif (ret)\n\t\treturn ret;\n";
    let entry = plain(action, &format!("{ALLOCATE}{add}\treturn 0;"), "");
    is(&entry, Class::Explicit);
    changes(&entry, &[Change::FreesInAction]);
}

#[test]
fn a_result_that_nobody_looks_at() {
    let probe = "\tpci_enable_msi(pdev);\n\treturn 0;";
    let entry = plain("", probe, "\tpci_disable_msi(pdev);");
    changes(&entry, &[Change::IgnoresResult]);
    let probe = "\tret = pci_enable_msi(pdev);\n\treturn 0;";
    changes(&plain("", probe, "\tpci_disable_msi(pdev);"), &[]);
}

#[test]
fn each_owner_has_a_call_that_frees() {
    let managed = format!("{}\treturn 0;", ALLOCATE.replace("pci_alloc", "pcim_alloc"));
    let entry = alone("", &managed, "\tpci_free_irq_vectors(pdev);");
    is(&entry, Class::WrongOrder);
    changes(&entry, &[Change::FreesAnothers]);
    is(&alone("", &managed, "\tpcim_free_irq_vectors(pdev);"), Class::Managed);
    let explicit = plain("", &format!("{ALLOCATE}\treturn 0;"), "\tpcim_free_irq_vectors(pdev);");
    assert!(explicit.class.reported(), "{explicit:#?}");
    assert!(explicit.changes.contains(&Change::FreesAnothers));
}

#[test]
fn managed_vectors_freed_early_under_a_devm_handler() {
    let probe = format!(
        "{}\treturn devm_request_irq(&pdev->dev, pci_irq_vector(pdev, 0), my_irq, 0, \"my\", pdev);",
        ALLOCATE.replace("pci_alloc", "pcim_alloc")
    );
    let entry = alone("", &probe, "\tpcim_free_irq_vectors(pdev);");
    is(&entry, Class::WrongOrder);
    changes(&entry, &[Change::FreesUnderHandler]);
}

#[test]
fn an_open_that_fails_and_does_not_free() {
    let net = |failure: &str| {
        format!(
            "static int my_open(struct net_device *dev)\n{{\n\tstruct pci_dev *pdev = my_pdev(dev);\n\tint ret;\n{ALLOCATE}\
             \tret = request_irq(pci_irq_vector(pdev, 0), my_irq, 0, \"my\", dev);\n\tif (ret) {{\n{failure}\t\treturn ret;\n\t}}\n\treturn 0;\n}}\n\
             static int my_stop(struct net_device *dev)\n{{\n\tfree_irq(pci_irq_vector(my_pdev(dev), 0), dev);\n\
             \tpci_free_irq_vectors(my_pdev(dev));\n\treturn 0;\n}}\n\
             static const struct net_device_ops my_ops = {{ .ndo_open = my_open, .ndo_stop = my_stop }};\n"
        )
    };
    let probe = "\tmy_register(pdev, &my_ops);\n\treturn 0;";
    let entry = alone(&net(""), probe, "");
    is(&entry, Class::SomePaths);
    changes(&entry, &[Change::LeaksSometimes]);
    let right = alone(&net("\t\tpci_free_irq_vectors(pdev);\n"), probe, "");
    is(&right, Class::Explicit);
    changes(&right, &[]);
    // If remove always frees, nothing is left.
    let remove = "\tfree_irq(pci_irq_vector(pdev, 0), pdev);\n\tpci_free_irq_vectors(pdev);";
    let late = alone(&net(""), probe, remove);
    is(&late, Class::Explicit);
}

#[test]
fn a_callback_that_fails_with_the_interface_up_leaks_nothing() {
    let net = format!(
        "static int my_open(struct net_device *dev)\n{{\n\tstruct pci_dev *pdev = my_pdev(dev);\n\tint ret;\n{ALLOCATE}\
         {REQUEST}\treturn 0;\n}}\n\
         static int my_stop(struct net_device *dev)\n{{\n\tfree_irq(pci_irq_vector(my_pdev(dev), 0), dev);\n\
         \tpci_free_irq_vectors(my_pdev(dev));\n\treturn 0;\n}}\n\
         static int my_mtu(struct net_device *dev)\n{{\n\tmy_stop(dev);\n\tif (my_open(dev))\n\t\treturn -EIO;\n\
         \tif (my_write(dev))\n\t\treturn -EINVAL;\n\treturn 0;\n}}\n\
         static const struct net_device_ops my_ops = {{ .ndo_open = my_open, .ndo_stop = my_stop, .ndo_change_mtu = my_mtu }};\n"
    );
    let entry = alone(&net, "\tmy_register(pdev, &my_ops);\n\treturn 0;", "");
    is(&entry, Class::Explicit);
}

#[test]
fn an_interrupt_to_wake_up_is_no_vector() {
    let request = |irq: &str| {
        format!(
            "{ALLOCATE}\tret = devm_request_irq(&pdev->dev, {irq}, my_irq, 0, \"my\", pdev);\n\
             \tif (ret) {{\n\t\tpci_free_irq_vectors(pdev);\n\t\treturn ret;\n\t}}\n\treturn 0;"
        )
    };
    let remove = "\tpci_free_irq_vectors(pdev);";
    is(&plain("", &request("my_vector(pdev)"), remove), Class::WrongOrder);
    is(&plain("", &request("my->irq_wakeup"), remove), Class::Explicit);
}

#[test]
fn a_file_that_no_driver_leads_to() {
    let text = "int my_init(struct pci_dev *pdev)\n{\n\treturn pci_enable_msi(pdev);\n}\n";
    let entry = only(text);
    is(&entry, Class::Undecided);
    assert!(!entry.fails(), "{entry:#?}");
}

#[test]
fn what_was_parsed_for_one_driver_is_not_seen_by_another() {
    // Both call lib_stop(), which only the library near the first exports.
    let stop = "void lib_stop(struct pci_dev *pdev)\n{\n\tpci_free_irq_vectors(pdev);\n}\nEXPORT_SYMBOL_GPL(lib_stop);\n";
    let probe = format!("{ALLOCATE}\treturn 0;");
    let far = driver("", &probe, "\tlib_stop(pdev);");
    let found = |first: &str| {
        let census = tree(&[
            ("drivers/a/lib/Makefile", "obj-m += stop.o\n"),
            ("drivers/a/lib/stop.c", stop),
            (&format!("drivers/{first}/Makefile"), "obj-m += my.o\n"),
            (&format!("drivers/{first}/my.c"), &far),
            ("drivers/z/far/Makefile", "obj-m += my.o\n"),
            ("drivers/z/far/my.c", &far),
        ]);
        let entry = census.entries.into_iter().next_back();
        entry.expect("there is one").class
    };
    assert_eq!(found("a/lib/sub"), found("b"));
}

#[test]
fn what_cannot_be_followed_is_not_decided() {
    // Each test doubles the paths, so there are too many. The free comes at their end.
    let ways: String = (0..20).map(|n| format!("\tif (v{n})\n\t\tmy_write({n});\n")).collect();
    let remove = |free: &str| format!("{ways}{free}");
    let probe = format!("{ALLOCATE}\treturn 0;");
    let entry = plain("", &probe, &remove("\tpci_free_irq_vectors(pdev);"));
    is(&entry, Class::Undecided);
    changes(&entry, &[]);
    assert!(!entry.fails(), "{entry:#?}");
    // If nothing in the function can free, it is known not to free.
    is(&plain("", &probe, &remove("")), Class::Never);
}
