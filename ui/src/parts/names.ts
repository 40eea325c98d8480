// Names that are free.

/** The stem, or the stem with the first number that nobody has. */
export function freeName(stem: string, taken: Iterable<string>): string {
  const names = new Set(taken);
  if (!names.has(stem)) return stem;
  for (let n = 2; ; n += 1) if (!names.has(`${stem}-${n}`)) return `${stem}-${n}`;
}
