// The lineage tree in display order: base models, their runs, and the fakes of each generator. A realism run
// is listed under its base, and named with the fakes it was trained on.

import type { BaseInfo, FakesInfo, RunInfo } from "../../host";

export type Node = { key: string; depth: number } & (
  | { what: "base"; base: BaseInfo }
  | { what: "run"; run: RunInfo }
  | { what: "fakes"; fakes: FakesInfo; classifiers: string[] }
);

export function lineage(bases: BaseInfo[], runs: RunInfo[], fakes: FakesInfo[]): Node[] {
  const nodes: Node[] = [];
  const old = [...runs].sort((a, b) => a.created_ms - b.created_ms);
  const add = (run: RunInfo, depth: number) => {
    nodes.push({ key: `run ${run.name}`, depth, what: "run", run });
    for (const set of fakes.filter((f) => f.config.generator === run.name)) {
      const classifiers = old.filter((r) => r.facts?.fakes === set.name).map((r) => r.name);
      nodes.push({ key: `fakes ${set.name}`, depth: depth + 1, what: "fakes", fakes: set, classifiers });
    }
  };
  for (const base of bases) {
    nodes.push({ key: `base ${base.name}`, depth: 0, what: "base", base });
    for (const run of old.filter((r) => r.facts?.base === base.name)) add(run, 1);
  }
  const known = new Set(bases.map((base) => base.name));
  for (const run of old.filter((r) => !r.facts || !known.has(r.facts.base))) add(run, 0);
  return nodes;
}
