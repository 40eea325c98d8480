// Under what permission text may be used, in words.

import type { Permission } from "../../host";

export const PERMISSIONS: { value: Permission; text: string; help: string }[] = [
  {
    value: "unknown",
    text: "Not said",
    help: "Nobody has said. It can be used here, and every screen that shows it says so.",
  },
  { value: "own", text: "My own writing", help: "You wrote all of it." },
  { value: "consent", text: "Consent", help: "The authors, or those who speak for them, agreed." },
  {
    value: "open-licence",
    text: "Open licence",
    help: "It was published under a licence that allows this use.",
  },
  {
    value: "reddit-approved",
    text: "Approved by Reddit",
    help: "Reddit approved the access: the API, or its programme for researchers.",
  },
  {
    value: "research",
    text: "Research",
    help: "An exception of the law for research, or the approval of an ethics board.",
  },
  { value: "synthetic", text: "Synthetic", help: "A program made it; no person wrote it." },
];

export function permissionText(permission: Permission): string {
  return PERMISSIONS.find((p) => p.value === permission)?.text ?? permission;
}
