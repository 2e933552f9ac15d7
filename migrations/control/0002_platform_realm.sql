-- The platform is a realm of its own: its users are the operators.
INSERT INTO `realm` (`id`, `name`, `status`, `created_at`, `updated_at`, `version`)
VALUES ('platform', 'Rowhouse', 'active', unixepoch() * 1000, unixepoch() * 1000, 1);
