/** Names that need no quotes in SQL, and leave room for those of the statements. Settings are held to the same rule. */
const SCHEMA_NAME = /^(?!pg_)[a-z_][a-z0-9_]{0,39}$/;

export const isSchemaName = (name: string): boolean => SCHEMA_NAME.test(name);
