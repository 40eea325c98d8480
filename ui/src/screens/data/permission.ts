import type { Permission } from "../../host";

export const PERMISSIONS: { value: Permission; text: string; help: string }[] = [
  {
    value: "unknown",
    text: "Not specified",
    help: "Usable locally, and flagged wherever the source appears.",
  },
  { value: "own", text: "My own writing", help: "You wrote all of the text." },
  { value: "consent", text: "Consent", help: "The authors or their representatives consented." },
  {
    value: "open-licence",
    text: "Open license",
    help: "Published under a license that permits this use.",
  },
  {
    value: "reddit-approved",
    text: "Approved by Reddit",
    help: "Reddit approved access through its API or research program.",
  },
  {
    value: "research",
    text: "Research",
    help: "Legal research exemption or IRB approval.",
  },
  { value: "synthetic", text: "Synthetic", help: "Machine-generated." },
];

export function permissionText(permission: Permission): string {
  return PERMISSIONS.find((p) => p.value === permission)?.text ?? permission;
}
