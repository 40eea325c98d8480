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
    case "study":
      return at(["data", "permissions"]);
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
    case "settle":
    case "review":
    case "post":
    case "post-by-hand":
      return at(["queue"]);
    case "choose-account":
      return at(["reddit", "rules"]);
    case "let-go-on":
    case "log-in":
    case "complete-account":
      return at(["reddit", "accounts"]);
    case "allow":
      return at(["reddit", "permissions"]);
    case "fetch":
    case "draft":
      return at(["reddit", "threads"], { [step.step]: "1" });
    case "outcomes":
      return at(["reddit", "outcomes"]);
    default:
      return at(["overview"]);
  }
}
