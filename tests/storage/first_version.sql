-- The database of version 0.1.0 (revision 0001) after use; never to be changed or made anew.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	author_id VARCHAR(255) NOT NULL, 
	author_name TEXT NOT NULL, 
	scope VARCHAR(255) NOT NULL, 
	what VARCHAR(255) NOT NULL, 
	"before" TEXT, 
	"after" TEXT, 
	CONSTRAINT pk_audit PRIMARY KEY (id)
);
INSERT INTO "audit" VALUES(1,'2026-11-23 12:33:22.249963','1','Ana','discord:guild/channel','persona',NULL,'You are a raven.');
INSERT INTO "audit" VALUES(2,'2026-11-23 12:33:22.257414','2','Ben 🐦','discord:guild/channel','persona','You are a raven.',NULL);
INSERT INTO "audit" VALUES(3,'2026-11-23 12:33:22.259858','1','Ana','discord:guild/channel','persona',NULL,'You are a crow; answer in one line.
Caw.');
CREATE TABLE claims (
	platform VARCHAR(255) NOT NULL, 
	workspace VARCHAR(255) NOT NULL, 
	message_id VARCHAR(255) NOT NULL, 
	claimed_at DATETIME NOT NULL, 
	CONSTRAINT pk_claims PRIMARY KEY (platform, workspace, message_id)
);
INSERT INTO "claims" VALUES('discord','guild','m0','2026-11-23 12:33:22.263973');
INSERT INTO "claims" VALUES('discord','guild','m1','2026-11-23 12:33:22.270287');
INSERT INTO "claims" VALUES('discord','guild','m2','2026-11-23 12:33:22.272812');
INSERT INTO "claims" VALUES('discord','guild','w0','2026-11-23 12:33:22.292235');
INSERT INTO "claims" VALUES('discord','guild','w1','2026-11-23 12:33:22.295517');
INSERT INTO "claims" VALUES('discord','guild','m3','2026-11-23 12:33:22.306376');
CREATE TABLE feedback (
	id INTEGER NOT NULL, 
	reply_id INTEGER NOT NULL, 
	author_id VARCHAR(255) NOT NULL, 
	author_name TEXT NOT NULL, 
	score INTEGER NOT NULL, 
	comment TEXT, 
	given_at DATETIME NOT NULL, 
	CONSTRAINT pk_feedback PRIMARY KEY (id), 
	CONSTRAINT fk_feedback_reply_id_replies FOREIGN KEY(reply_id) REFERENCES replies (id) ON DELETE CASCADE, 
	CONSTRAINT uq_feedback_reply_id_author_id UNIQUE (reply_id, author_id)
);
INSERT INTO "feedback" VALUES(1,1,'2','Ben 🐦',1,'just right','2025-06-01 12:05:00.000000');
CREATE TABLE personas (
	id INTEGER NOT NULL, 
	scope VARCHAR(255) NOT NULL, 
	version INTEGER NOT NULL, 
	text TEXT, 
	author_id VARCHAR(255) NOT NULL, 
	author_name TEXT NOT NULL, 
	set_at DATETIME NOT NULL, 
	CONSTRAINT pk_personas PRIMARY KEY (id), 
	CONSTRAINT uq_personas_scope_version UNIQUE (scope, version)
);
INSERT INTO "personas" VALUES(1,'discord:guild/channel',1,'You are a raven.','1','Ana','2026-11-23 12:33:22.249963');
INSERT INTO "personas" VALUES(2,'discord:guild/channel',2,NULL,'2','Ben 🐦','2026-11-23 12:33:22.257414');
INSERT INTO "personas" VALUES(3,'discord:guild/channel',3,'You are a crow; answer in one line.
Caw.','1','Ana','2026-11-23 12:33:22.259858');
CREATE TABLE places (
	id VARCHAR(255) NOT NULL, 
	platform VARCHAR(255) NOT NULL, 
	workspace VARCHAR(255) NOT NULL, 
	channel VARCHAR(255) NOT NULL, 
	thread VARCHAR(255) NOT NULL, 
	private BOOLEAN NOT NULL, 
	first_reply_id INTEGER DEFAULT 0 NOT NULL, 
	first_turn_id INTEGER DEFAULT 0 NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_places PRIMARY KEY (id)
);
INSERT INTO "places" VALUES('discord:guild/channel','discord','guild','channel','',0,2,2,'2026-11-23 12:33:22.263973');
INSERT INTO "places" VALUES('discord:guild/channel/thread','discord','guild','channel','thread',0,0,0,'2026-11-23 12:33:22.292235');
CREATE TABLE replies (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	place_id VARCHAR(255) NOT NULL, 
	author_id VARCHAR(255) NOT NULL, 
	author_name TEXT NOT NULL, 
	author_standing VARCHAR(255) NOT NULL, 
	message_id VARCHAR(255) NOT NULL, 
	state VARCHAR(255) NOT NULL, 
	text TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	claimed_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	persona_scope VARCHAR(255), 
	persona_version INTEGER, 
	kept INTEGER, 
	dropped INTEGER, 
	prompt_tokens INTEGER, 
	reused_tokens INTEGER, 
	tokens INTEGER, 
	finish_reason VARCHAR(255), 
	seed BIGINT, 
	CONSTRAINT fk_replies_place_id_places FOREIGN KEY(place_id) REFERENCES places (id)
);
INSERT INTO "replies" VALUES(1,'discord:guild/channel','1','Ana','admin','m0','delivered','Hello, Ana – it''s “me”.','','2026-11-23 12:33:22.263973','2026-11-23 12:33:22.286012','2026-11-23 12:33:22.286012','discord:guild/channel',3,5,2,30,20,7,'stop',42);
INSERT INTO "replies" VALUES(2,'discord:guild/channel','1','Ana','admin','m1','stopped','I was say','Ben','2026-11-23 12:33:22.270287','2026-11-23 12:33:22.288364','2026-11-23 12:33:22.288364',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "replies" VALUES(3,'discord:guild/channel','1','Ana','admin','m2','failed','','the model stumbled','2026-11-23 12:33:22.272812','2026-11-23 12:33:22.291253','2026-11-23 12:33:22.291253',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "replies" VALUES(4,'discord:guild/channel/thread','1','Ana','admin','w0','merged','','answered by reply 5','2026-11-23 12:33:22.292235','2026-11-23 12:33:22.301826','2026-11-23 12:33:22.301826',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "replies" VALUES(5,'discord:guild/channel/thread','1','Ana','admin','w1','generating','','','2026-11-23 12:33:22.295517','2026-11-23 12:33:22.304184',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "replies" VALUES(6,'discord:guild/channel','1','Ana','admin','m3','claimed','','','2026-11-23 12:33:22.306376','2026-11-23 12:33:22.306376',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE reply_parts (
	reply_id INTEGER NOT NULL, 
	idx INTEGER NOT NULL, 
	message_id VARCHAR(255) NOT NULL, 
	text TEXT NOT NULL, 
	CONSTRAINT pk_reply_parts PRIMARY KEY (reply_id, idx), 
	CONSTRAINT fk_reply_parts_reply_id_replies FOREIGN KEY(reply_id) REFERENCES replies (id) ON DELETE CASCADE
);
INSERT INTO "reply_parts" VALUES(1,0,'out-1','Hello, Ana – it''s “me”.');
INSERT INTO "reply_parts" VALUES(5,0,'out','So far');
CREATE TABLE settings (
	scope VARCHAR(255) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	value JSON NOT NULL, 
	CONSTRAINT pk_settings PRIMARY KEY (scope, "key")
);
INSERT INTO "settings" VALUES('discord:guild/channel','trigger','"every message"');
INSERT INTO "settings" VALUES('discord:guild/channel/thread','sampling','{"temperature": 0.2}');
CREATE TABLE turns (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	place_id VARCHAR(255) NOT NULL, 
	reply_id INTEGER NOT NULL, 
	role VARCHAR(255) NOT NULL, 
	author_id VARCHAR(255), 
	author_name TEXT, 
	author_standing VARCHAR(255), 
	message_id VARCHAR(255), 
	text TEXT NOT NULL, 
	tokens INTEGER, 
	said_at DATETIME NOT NULL, 
	CONSTRAINT fk_turns_place_id_places FOREIGN KEY(place_id) REFERENCES places (id), 
	CONSTRAINT fk_turns_reply_id_replies FOREIGN KEY(reply_id) REFERENCES replies (id)
);
INSERT INTO "turns" VALUES(1,'discord:guild/channel',1,'user','1','Ana','admin','m0','text of m0',NULL,'2025-06-01 12:00:00.000000');
INSERT INTO "turns" VALUES(2,'discord:guild/channel',2,'user','1','Ana','admin','m1','text of m1',NULL,'2025-06-01 12:00:00.000000');
INSERT INTO "turns" VALUES(4,'discord:guild/channel',1,'assistant',NULL,NULL,NULL,NULL,'Hello, Ana – it''s “me”.',7,'2026-11-23 12:33:22.281406');
INSERT INTO "turns" VALUES(5,'discord:guild/channel',2,'assistant',NULL,NULL,NULL,NULL,'I was say',NULL,'2026-11-23 12:33:22.288364');
INSERT INTO "turns" VALUES(6,'discord:guild/channel/thread',5,'user','1','Ana','admin','w0','text of w0',NULL,'2025-06-01 12:00:00.000000');
INSERT INTO "turns" VALUES(7,'discord:guild/channel/thread',5,'user','1','Ana','admin','w1','text of w1',NULL,'2025-06-01 12:00:00.000000');
INSERT INTO "turns" VALUES(8,'discord:guild/channel',6,'user','1','Ana','admin','m3','What I meant to say',NULL,'2025-06-01 12:00:00.000000');
CREATE TABLE usage (
	day DATE NOT NULL, 
	place_id VARCHAR(255) NOT NULL, 
	author_id VARCHAR(255) NOT NULL, 
	replies INTEGER NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	tokens BIGINT NOT NULL, 
	CONSTRAINT pk_usage PRIMARY KEY (day, place_id, author_id), 
	CONSTRAINT fk_usage_place_id_places FOREIGN KEY(place_id) REFERENCES places (id)
);
INSERT INTO "usage" VALUES('2025-06-01','discord:guild/channel','1',1,30,7);
CREATE INDEX ix_replies_place_id_id ON replies (place_id, id);
CREATE INDEX ix_replies_unfinished ON replies (id) WHERE ended_at IS NULL;
CREATE INDEX ix_turns_reply_id ON turns (reply_id);
CREATE INDEX ix_turns_place_id_message_id ON turns (place_id, message_id);
CREATE INDEX ix_turns_place_id_reply_id_id ON turns (place_id, reply_id, id);
CREATE UNIQUE INDEX uq_turns_answer ON turns (reply_id) WHERE role = 'assistant';
CREATE INDEX ix_audit_scope_id ON audit (scope, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('replies',6);
INSERT INTO "sqlite_sequence" VALUES('turns',8);
COMMIT;
