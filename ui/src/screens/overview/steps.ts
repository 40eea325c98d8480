// Where a next step is done.

import type { NextStep } from "../../host";
import { at } from "../../state/route.svelte";

export function addressOf(step: NextStep): string {
  switch (step.step) {
    case "import":
      return at(["data", "import"]);
    case "pairs":
      return at(["data", "pairs"], { build: "1" });
    case "split":
      return at(["data", "splits"], { new: "1" });
    case "permit":
      return at(["data", "sources"]);
    case "base":
      return at(["models"], { new: "1" });
    case "fakes":
      return at(["models"], { fakes: "1" });
    case "train":
      return at(["train", "new"], { kind: step.kind });
    case "evaluate":
      return at(["evaluate"], { new: step.kind ?? "1" });
    case "generate":
      return at(["generate"]);
    case "review":
      return at(["queue"]);
    default:
      return at(["overview"]);
  }
}
