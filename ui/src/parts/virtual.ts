// Where rows of one height lie when there may be more of them than a web view can scroll over.

/** WebKit clamps an element at 33.5 million pixels; the space that is scrolled over stays below. */
export const MOST_PX = 30_000_000;

export interface Space {
  /** Pixels that all rows would take. */
  real: number;
  /** Pixels of the space that is scrolled over. */
  height: number;
  /** Pixels of rows for one pixel of scrolling; 1 until there are very many rows. */
  ratio: number;
}

export function space(rows: number, rowHeight: number, viewport: number): Space {
  const real = rows * rowHeight;
  const height = Math.max(viewport, Math.min(real, MOST_PX));
  const ratio = height > viewport && real > height ? (real - viewport) / (height - viewport) : 1;
  return { real, height, ratio };
}

/** The rows that are seen from a scroll position, and by how much the first one is scrolled away. */
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

/** The scroll position nearest to the one now from which a row is wholly seen. */
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
