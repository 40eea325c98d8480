/** Returns the paths written. */
export type Write = (files: string[]) => Promise<string[]>;

export const FORMATS = ["svg", "png", "csv"] as const;
export type Format = (typeof FORMATS)[number];

/** `folder/roc-judge.svg` and so on, one per format. */
export function paths(path: string, formats: Format[]): string[] {
  const stem = path.replace(/\.(svg|png|csv)$/i, "");
  return formats.map((format) => `${stem}.${format}`);
}
