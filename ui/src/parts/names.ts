/** The stem, or the stem with the first free number. */
export function freeName(stem: string, taken: Iterable<string>): string {
  const names = new Set(taken);
  if (!names.has(stem)) return stem;
  for (let n = 2; ; n += 1) if (!names.has(`${stem}-${n}`)) return `${stem}-${n}`;
}

/** A set of fakes in a sentence; most names already begin with "fakes". */
export const fakesNamed = (name: string): string => (/^fakes\b/i.test(name) ? name : `fakes ${name}`.trim());
