//! `repartee demo`

use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::demo::{Demo, DemoReport, demo_project};
use repartee_engine::shell;

use super::{App, listen_to};
use crate::args::DemoArgs;
use crate::out::{Table, figure, seconds, short};

impl App {
    pub(super) fn demo(&self, args: DemoArgs) -> Result<ExitCode> {
        let usual = Demo::default();
        let sizes = Demo {
            threads: args.sample_threads.map_or(usual.threads, |n| n as u64),
            scale: args.scale.unwrap_or(usual.scale),
            ..usual
        };
        let engine = demo_project(&args.folder)?;
        listen_to(&engine.interrupt)?;
        self.start(&engine, &sizes, |report| self.report(report))
    }

    fn report(&self, report: &DemoReport) -> Result<()> {
        self.out.line("")?;
        self.out
            .line("All of this is synthetic: the threads were made by Repartee's own generator.")?;
        self.out.line("")?;
        self.evaluations(&report.evaluations)?;
        self.out.line("")?;
        let mut table = Table::new([
            "comment",
            "reply picked for the queue",
            "p(real)",
            "expected bin",
        ]);
        for answered in &report.generated.comments {
            match answered.candidates.iter().find(|c| c.picked) {
                Some(c) => table.row([
                    short(&answered.comment, 60),
                    short(&c.text, 80),
                    figure(c.p_real, 3),
                    figure(c.expected_bin, 2),
                ]),
                None => table.row([
                    short(&answered.comment, 60),
                    "none was good enough".to_owned(),
                    String::new(),
                    String::new(),
                ]),
            }
        }
        table.print(self.out)?;
        self.out.line("")?;
        let mut table = Table::new(["step", "took"]);
        for (what, took) in &report.seconds {
            table.row([what.clone(), seconds(*took)]);
        }
        table.row([
            "all".to_owned(),
            seconds(report.seconds.iter().map(|(_, s)| s).sum()),
        ]);
        table.print(self.out)?;
        self.out.line("")?;
        self.out.line("charts:")?;
        for file in &report.charts {
            self.out.line(format!("  {}", file.display()))?;
        }
        let project = shell::quoted(&report.project);
        self.out.line("")?;
        self.out.line(format!("next: `repartee queue list --project {project}`, `repartee fakes show --project {project}`"))?;
        self.out.line(format!(
            "to post to a made-up Reddit, without a key: `repartee reddit sandbox --project {project}`, and beside it `repartee reddit permit`, `repartee queue approve`, `repartee reddit post`"
        ))
    }
}
