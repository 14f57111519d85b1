declare module "class-transformer/cjs/storage.js" {
  /** What `@Type` declared; class-transformer has no public export of it. */
  export const defaultMetadataStorage: object;
}
