/** The most recently created item; on a tie, the later in the list. */
export function newest<T extends { created_ms: number }>(made: readonly T[]): T | undefined {
  return made.reduce<T | undefined>(
    (last, one) => (last && last.created_ms > one.created_ms ? last : one),
    undefined,
  );
}
