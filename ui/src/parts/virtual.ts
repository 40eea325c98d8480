// Virtual scrolling of rows of equal height, also beyond the maximum element height of a web view.

/** WebKit clamps an element at 33.5 million pixels; the scroll height stays below. */
export const MOST_PX = 30_000_000;

export interface Space {
  /** Height of all rows in pixels. */
  real: number;
  /** Scroll height in pixels. */
  height: number;
  /** Pixels of rows per pixel of scrolling; 1 unless there are very many rows. */
  ratio: number;
}

export function space(rows: number, rowHeight: number, viewport: number): Space {
  const real = rows * rowHeight;
  const height = Math.max(viewport, Math.min(real, MOST_PX));
  const ratio = height > viewport && real > height ? (real - viewport) / (height - viewport) : 1;
  return { real, height, ratio };
}

/** The visible rows at a scroll position, and by how many pixels the first one is scrolled out. */
export function seen(
  scrollTop: number,
  rows: number,
  rowHeight: number,
  viewport: number,
): { first: number; last: number; shift: number } {
  if (rows === 0) return { first: 0, last: -1, shift: 0 };
  const { real, ratio } = space(rows, rowHeight, viewport);
  const top = Math.max(0, Math.min(scrollTop * ratio, real - viewport));
  const first = Math.min(rows - 1, Math.floor(top / rowHeight));
  const last = Math.min(rows - 1, Math.ceil((top + viewport) / rowHeight) - 1);
  return { first, last: Math.max(first, last), shift: top - first * rowHeight };
}

/** The scroll position nearest to the current one at which a row is completely visible. */
export function scrollTo(
  row: number,
  scrollTop: number,
  rows: number,
  rowHeight: number,
  viewport: number,
): number {
  const { real, ratio } = space(rows, rowHeight, viewport);
  const top = Math.max(0, Math.min(scrollTop * ratio, real - viewport));
  const at = row * rowHeight;
  if (at < top) return Math.floor(at / ratio);
  if (at + rowHeight > top + viewport) return Math.ceil((at + rowHeight - viewport) / ratio);
  return scrollTop;
}
