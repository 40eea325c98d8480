// Arrows between the boxes of the pipeline: right-angled with rounded corners. Lines to another row run in
// the gap between the rows, so that none crosses a box.

export interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Producer and product. */
export const EDGES: [string, string][] = [
  ["sources", "pairs"],
  ["pairs", "split"],
  ["split", "generator"],
  ["split", "realism"],
  ["split", "upvotes"],
  ["generator", "fakes"],
  ["fakes", "realism"],
  ["generator", "candidates"],
  ["realism", "candidates"],
  ["upvotes", "candidates"],
  ["threads", "candidates"],
  ["candidates", "queue"],
  ["queue", "posted"],
];

const CORNER = 8;
const HEAD = 5;
/** Gap between an arrowhead and its box. */
const GAP = 3;

export function connect(from?: Box, to?: Box): { line: string; head: string } | null {
  if (!from || !to || from.right === from.left) return null;
  const sameRow = from.top < to.bottom && to.top < from.bottom;
  if (sameRow) {
    const y = (Math.max(from.top, to.top) + Math.min(from.bottom, to.bottom)) / 2;
    const rightwards = to.left >= from.right;
    const start = rightwards ? from.right : from.left;
    const end = rightwards ? to.left - GAP : to.right + GAP;
    const back = rightwards ? -HEAD : HEAD;
    return {
      line: `M${start} ${y}H${end + back}`,
      head: `M${end} ${y}l${back} -${HEAD * 0.7}v${HEAD * 1.4}z`,
    };
  }
  const x1 = (from.left + from.right) / 2;
  const x2 = (to.left + to.right) / 2;
  const end = to.top - GAP;
  const head = `M${x2} ${end}l-${HEAD * 0.7} -${HEAD}h${HEAD * 1.4}z`;
  if (Math.abs(x1 - x2) < 1) return { line: `M${x1} ${from.bottom}V${end - HEAD}`, head };
  const middle = (from.bottom + to.top) / 2;
  const turn = x2 > x1 ? CORNER : -CORNER;
  return {
    line:
      `M${x1} ${from.bottom}V${middle - CORNER}Q${x1} ${middle} ${x1 + turn} ${middle}` +
      `H${x2 - turn}Q${x2} ${middle} ${x2} ${middle + CORNER}V${end - HEAD}`,
    head,
  };
}
