// Criteria in the form always have a min p(real); it applies only with a realism model.

import type { Criteria } from "../../host";

const MIN_P_REAL = 0.9;

export type Edited = Criteria & { min_p_real: number };

export const edited = (criteria: Criteria): Edited => ({
  ...criteria,
  min_p_real: criteria.min_p_real ?? MIN_P_REAL,
});

/** The engine rejects min p(real) without a realism model. */
export const criteriaFor = (criteria: Edited, scored: boolean): Criteria =>
  scored ? criteria : { ...criteria, min_p_real: null };
