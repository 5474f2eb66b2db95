// Who may use which bridge. Asked for every stanza, not only at sign-in (security.md X02).

export interface Permissions {
  /** `bare` is a prepared bare JID. */
  mayUse(bridge: string, bare: string): boolean;
  isAdmin(bare: string): boolean;
}

export interface PermissionRules {
  /** Bare JIDs, domains, or "*" for everybody who can reach the server. */
  readonly allow: readonly string[];
  readonly admins: readonly string[];
  readonly bridges: Readonly<Record<string, readonly string[]>>;
}

export function createPermissions(rules: PermissionRules): Permissions {
  const general = new Set(rules.allow);
  const special = new Map(Object.entries(rules.bridges).map(([bridge, allow]) => [bridge, new Set(allow)]));
  const admins = new Set(rules.admins);
  return {
    mayUse(bridge, bare) {
      const allowed = special.get(bridge) ?? general;
      // Only whole domains: "example.org" does not let "a@evil.example.org" in.
      return allowed.has(bare) || allowed.has(bare.slice(bare.indexOf("@") + 1)) || allowed.has("*");
    },
    isAdmin: (bare) => admins.has(bare),
  };
}
