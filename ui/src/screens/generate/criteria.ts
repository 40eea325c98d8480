// Criteria as they are edited: with a number for p(real), which is asked for only where a realism model scores.

import type { Criteria } from "../../host";

/** What p(real) must lie above where nobody says. */
const MIN_P_REAL = 0.9;

export type Edited = Criteria & { min_p_real: number };

export const edited = (criteria: Criteria): Edited => ({
  ...criteria,
  min_p_real: criteria.min_p_real ?? MIN_P_REAL,
});

/** The engine refuses a criterion whose model does not score. */
export const asked = (criteria: Edited, scored: boolean): Criteria =>
  scored ? criteria : { ...criteria, min_p_real: null };
