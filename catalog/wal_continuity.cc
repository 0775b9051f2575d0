#include "catalog/wal_continuity.h"
