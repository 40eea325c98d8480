// Writing a chart to files.

/** Writes to these paths; gives what was written. */
export type Write = (files: string[]) => Promise<string[]>;

export const ENDINGS = ["svg", "png", "csv"] as const;
export type Ending = (typeof ENDINGS)[number];

/** `folder/roc-judge.svg` and the like, for the endings that are wanted. */
export function paths(path: string, endings: Ending[]): string[] {
  const stem = path.replace(/\.(svg|png|csv)$/i, "");
  return endings.map((ending) => `${stem}.${ending}`);
}
