//! What the study registered before training, and what has changed since.

use repartee_datasets::study::day_of_ms;

use super::About;
use super::document::{Cell, Section, Table};

/// None: nothing was registered.
pub(super) fn card(about: &About) -> Option<Section> {
    if about.registered.is_empty() {
        return None;
    }
    let mut section = Section::new("Registered before training");
    for one in &about.registered {
        section.heading(format!("Split {}", one.split));
        section.facts([
            ("Registered on", day_of_ms(one.at_ms)),
            ("By", one.who.clone()),
        ]);
        for fault in &one.faults {
            section.warning(format!("This may not be what was registered: {fault}."));
        }
        let mut table = Table::new(&["Registered", "As registered", "Since then"]);
        for item in &one.items {
            table.row([
                Cell::from(item.name.clone()),
                Cell::from(item.value.clone()),
                Cell::from(item.since()),
            ]);
        }
        section.table(table);
    }
    if !about
        .registered
        .iter()
        .any(|one| one.split == about.split.name)
    {
        section.text(format!(
            "The split of this run, {}, was not registered under this name.",
            about.split.name
        ));
    }
    Some(section)
}
