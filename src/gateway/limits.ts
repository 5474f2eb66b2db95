/** What users and their accounts may take. Named, documented and defaulted in the configuration. */
export interface GatewayLimits {
  readonly messagesPerMinute: number;
  readonly burst: number;
  readonly newContactsPerHour: number;
  readonly contactsPerAccount: number;
  readonly accountsPerUser: number;
  /** Sign-in attempts of a user in 15 minutes (security.md H13). */
  readonly loginAttempts: number;
  readonly dialogsPerUser: number;
  /** Characters of one outgoing message. */
  readonly textLength: number;
  /** Rows in memory. */
  readonly loadedRows: number;
  /** Milliseconds. */
  readonly queueExpiry: number;
  readonly sendsPerAccount: number;
  readonly startsPerSecond: number;
}
