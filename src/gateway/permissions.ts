// Who may use which bridge. Asked for every stanza, not only at sign-in (security.md X02).

export interface Permissions {
  /** `bare` is a prepared bare JID. */
  mayUse(bridge: string, bare: string): boolean;
  isAdmin(bridge: string, bare: string): boolean;
}

export interface AccessRules {
  /** Bare JIDs, domains, or "*" for everybody who can reach the server. */
  readonly allow: readonly string[];
  /** Bare JIDs. */
  readonly admins: readonly string[];
}

export interface PermissionRules extends AccessRules {
  /** In place of the general ones. */
  readonly bridges: Readonly<Record<string, AccessRules>>;
}

export function createPermissions(rules: PermissionRules): Permissions {
  const sets = ({ allow, admins }: AccessRules) => ({ allow: new Set(allow), admins: new Set(admins) });
  const general = sets(rules);
  const special = new Map(Object.entries(rules.bridges).map(([bridge, own]) => [bridge, sets(own)]));
  return {
    mayUse(bridge, bare) {
      const { allow: allowed } = special.get(bridge) ?? general;
      // Only whole domains: "example.org" does not let "a@evil.example.org" in.
      return allowed.has(bare) || allowed.has(bare.slice(bare.indexOf("@") + 1)) || allowed.has("*");
    },
    isAdmin: (bridge, bare) => (special.get(bridge) ?? general).admins.has(bare),
  };
}
