// Synthetic comments and replies, deterministic by number.

const TOPICS: { subreddit: string; thing: string[]; trouble: string[]; cure: string[] }[] = [
  {
    subreddit: "SampleBikes",
    thing: ["gravel bike", "rear wheel", "road bike", "chain", "front brake"],
    trouble: ["creaks on every climb", "skips under load", "will not hold air", "rubs in the turns"],
    cure: ["clean the cassette", "loosen the rim tape", "shim the headset", "check the hanger"],
  },
  {
    subreddit: "SampleCooking",
    thing: ["sourdough", "curry", "omelette", "tomato sauce", "flatbread"],
    trouble: ["always tastes flat", "sticks to the pan", "is dense in the middle", "burns at the edge"],
    cure: ["salt it earlier", "let it rest longer", "use salted butter", "turn the heat down"],
  },
  {
    subreddit: "SampleGardening",
    thing: ["lemon tree", "pepper plant", "basil", "new fig", "fern"],
    trouble: ["grows tall and thin", "will not flower", "drops its leaves", "has tiny flies around it"],
    cure: ["give it more light", "water it less", "repot it in spring", "cut the dead part away"],
  },
  {
    subreddit: "SampleGuitars",
    thing: ["acoustic", "telecaster", "parlor guitar", "ukulele", "tuner"],
    trouble: ["buzzes on the third fret", "will not stay in tune", "hurts my fingers", "sounds thin"],
    cure: ["lubricate the nut", "change the strings", "raise the action", "tighten the screws"],
  },
  {
    subreddit: "SampleHiking",
    thing: ["backpack", "tent", "boots", "water filter", "sleeping bag"],
    trouble: ["smells awful", "leaks on the second day", "is far too heavy", "gives me blisters"],
    cure: ["leave the extras behind", "dry it in the sun", "soak it in a mild soap", "wax the seams"],
  },
];
const OPENING = [
  "Second year in a row",
  "Beginner here:",
  "Once again",
  "So,",
  "Honestly,",
  "Quick question:",
];
const SINCE = [
  "after the rainy weeks",
  "after a busy month",
  "after my brother borrowed it",
  "after I read a guide",
];
const ASKING = [
  "Any ideas?",
  "Is that normal?",
  "What would you try first?",
  "How do you handle this?",
  "Should I worry?",
];

/** A deterministic pseudorandom number between 0 and 1. */
export function chance(n: number, salt: number): number {
  let h = (Math.imul(n + 1, 0x9e3779b1) ^ Math.imul(salt + 7, 0x85ebca6b)) >>> 0;
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d) >>> 0;
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39) >>> 0;
  return ((h ^ (h >>> 15)) >>> 0) / 2 ** 32;
}

export function one<T>(from: readonly T[], n: number, salt: number): T {
  return from[Math.floor(chance(n, salt) * from.length)] as T;
}

export interface Said {
  subreddit: string;
  comment: string;
  reply: string;
  score: number | null;
}

export function pair(n: number): Said {
  const topic = one(TOPICS, n, 1);
  const thing = one(topic.thing, n, 2);
  const days = 3 + Math.floor(chance(n, 3) * 18);
  const comment = `${one(OPENING, n, 4)} my ${thing} ${one(topic.trouble, n, 5)}. It started ${days} days ago ${one(SINCE, n, 6)}. ${one(ASKING, n, 7)}`;
  const cure = one(topic.cure, n, 8);
  const replies = [
    `Just ${cure} after every use.`,
    `Did you check the ${thing} first? Then ${cure} and wait ${days} days.`,
    `Same with my ${thing}, following.`,
    `I would ${cure}. Nine times out of ten that is it, and you should see a change in ${days} evenings. Ask again if it stays.`,
    `Maybe a ${thing} is not for you.`,
  ];
  const which = Math.floor(chance(n, 9) * replies.length);
  const base = [3, 8, 2, 13, -4][which] ?? 1;
  const score = chance(n, 10) < 0.02 ? null : base + Math.floor((chance(n, 11) - 0.5) * 6);
  return { subreddit: topic.subreddit, comment, reply: replies[which] ?? "", score };
}

/** A reply of a small generator: almost fluent. */
export function written(n: number): string {
  const a = pair(n * 7 + 3).reply.split(" ");
  const b = pair(n * 13 + 5).reply.split(" ");
  const cut = 2 + Math.floor(chance(n, 12) * 4);
  return [...a.slice(0, cut), ...b.slice(Math.min(cut, Math.max(1, b.length - 6)))].join(" ");
}
