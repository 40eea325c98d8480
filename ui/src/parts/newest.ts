/** What was made last, whatever order the list has; of two made at once the later in the list. */
export function newest<T extends { created_ms: number }>(made: readonly T[]): T | undefined {
  return made.reduce<T | undefined>(
    (last, one) => (last && last.created_ms > one.created_ms ? last : one),
    undefined,
  );
}
