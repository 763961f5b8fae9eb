-- Where a line ends is where its last run ends; it was written a second time here with every commit.
ALTER TABLE lines DROP COLUMN seq;
ALTER TABLE lines DROP COLUMN hash;
ALTER TABLE lines DROP COLUMN next_op;
