//! Makes room: whole entries leave the summary, never a part of one, and one line says what left.

use crate::report::untrusted::{clip, columns};

/// What belongs together in the summary: a sentence with its further lines, or a row of a table.
pub(super) struct Entry {
    lines: Vec<String>,
    /// Of its section's entries the one with the highest number leaves first, of equal ones the last.
    leaves: usize,
}

/// Entries under one label, how many of them should and must stay when there are too many, and how soon it gives some away.
pub(super) struct Section {
    /// The head of a table: stays as long as any row does.
    head: Option<String>,
    entries: Vec<Entry>,
    should: usize,
    must: usize,
    /// Sections with a smaller rank give entries away first.
    rank: u8,
    /// What an entry is called: one, several.
    what: (&'static str, &'static str),
    left: usize,
}

impl Section {
    /// Entries that leave from the last one on.
    pub(super) fn new(
        entries: Vec<Vec<String>>,
        (should, must): (usize, usize),
        rank: u8,
        what: (&'static str, &'static str),
    ) -> Self {
        let entries = entries.into_iter().enumerate();
        Self {
            head: None,
            entries: entries
                .map(|(leaves, lines)| Entry { lines, leaves })
                .collect(),
            should,
            must,
            rank,
            what,
            left: 0,
        }
    }

    /// Rows under a head, each with when it leaves.
    pub(super) fn table(
        head: String,
        rows: Vec<(String, usize)>,
        (should, must): (usize, usize),
        rank: u8,
        what: (&'static str, &'static str),
    ) -> Self {
        let rows = rows.into_iter().map(|(line, leaves)| Entry {
            lines: vec![line],
            leaves,
        });
        Self {
            head: Some(head),
            entries: rows.collect(),
            should,
            must,
            rank,
            what,
            left: 0,
        }
    }

    /// The lines that are left.
    pub(super) fn lines(&self) -> impl Iterator<Item = &String> {
        let head = self.head.iter().filter(|_| !self.entries.is_empty());
        head.chain(self.entries.iter().flat_map(|entry| &entry.lines))
    }

    fn shed(&mut self) {
        let leaving = self.entries.iter().enumerate();
        if let Some((index, _)) = leaving.max_by_key(|(index, entry)| (entry.leaves, *index)) {
            self.entries.remove(index);
            self.left += 1;
        }
    }
}

/// Takes entries away until the sections and the line about what left fit: in the order of rank, first what should stay is spared, then what must.
pub(super) fn fit(sections: &mut [Section], most: usize) {
    let mut order: Vec<usize> = (0..sections.len()).collect();
    order.sort_by_key(|&index| sections[index].rank);
    let over = |sections: &[Section]| {
        let lines: usize = sections.iter().map(|section| section.lines().count()).sum();
        let left = sections.iter().any(|section| section.left > 0);
        (lines + usize::from(left)).saturating_sub(most)
    };
    let keeps: [fn(&Section) -> usize; 3] = [
        |section| section.should,
        |section| section.must,
        // Only what has no bound comes here: names of hundreds of characters, a terminal of 40 columns.
        |section| usize::from(section.rank >= HEAD),
    ];
    for keep in keeps {
        for &index in &order {
            while over(sections) > 0 && sections[index].entries.len() > keep(&sections[index]) {
                sections[index].shed();
            }
        }
    }
    for &index in &order {
        let over = over(sections);
        let Some(entry) = sections[index].entries.first_mut().filter(|_| over > 0) else {
            continue;
        };
        // Half a sentence says that it is one.
        let stay = entry.lines.len().saturating_sub(over).max(1);
        if stay < entry.lines.len() {
            entry.lines.truncate(stay);
            if let Some(last) = entry.lines.last_mut() {
                let width = columns(last);
                *last = clip(&format!("{last} …"), width);
            }
        }
    }
}

/// From this rank on a section keeps something however little room there is.
pub(super) const HEAD: u8 = 9;

/// Says what left: `More in gatewright report: 2 segments, 1 work item`.
pub(super) fn more(sections: &[Section], width: usize) -> Option<String> {
    let mut parts: Vec<(usize, (&str, &str))> = Vec::new();
    for section in sections.iter().filter(|section| section.left > 0) {
        match parts.iter_mut().find(|(_, what)| *what == section.what) {
            Some((count, _)) => *count += section.left,
            None => parts.push((section.left, section.what)),
        }
    }
    let named: Vec<String> = parts
        .iter()
        .map(|(count, (one, several))| match count {
            1 => format!("1 {one}"),
            more => format!("{more} {several}"),
        })
        .collect();
    let text = format!("More in gatewright report: {}", named.join(", "));
    (!named.is_empty()).then(|| clip(&text, width))
}
