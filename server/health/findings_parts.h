#pragma once

#include <string>
#include <vector>

#include "server/health/findings.h"

namespace pgkeep::server {

// The parts of examine(), each about one side of a server. They append to `findings`.

void examine_repository(const ServerFacts& facts, std::vector<Finding>& findings);
/// How full the repository's file system is, and when it will be.
void examine_space(const ServerFacts& facts, io::TimePoint now, std::vector<Finding>& findings);
void examine_stored(const ServerFacts& facts, io::TimePoint now, std::vector<Finding>& findings);
/// What verifications found damaged, and marks of backups that cannot be read; nothing where there is none.
void examine_damage(const std::string& server, const StoredFacts& stored, std::vector<Finding>& findings);
/// What the retention policy and the schedule lack, and jobs that fail.
void examine_jobs(const ServerFacts& facts, io::TimePoint now, std::vector<Finding>& findings);
void examine_stream(const ServerFacts& facts, io::TimePoint now, std::vector<Finding>& findings);
void examine_live(const ServerFacts& facts, std::vector<Finding>& findings);

}  // namespace pgkeep::server
